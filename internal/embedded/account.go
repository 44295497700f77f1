package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the system user a server runs as.
type account struct {
	name     string
	uid, gid uint32
	other    bool // not ourselves: we are root and hand the process over
}

// serverAccount is ourselves, unless we are root: postgres and initdb refuse root, and need a user that is in the system's
// user database. A cluster that exists decides which, because a server must own its data.
func serverAccount(stateDir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{name: currentName(), uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil //nolint:gosec // ids of this process; where there are none they are not used
	}
	if owner, ok := clusterOwner(stateDir); ok {
		return newAccount(owner)
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return newAccount(u)
		}
	}
	return account{}, errors.New("postgres does not run as root, and this system has neither a user postgres nor a user nobody to run it as")
}

// clusterOwner is the user a cluster in the state directory was made for.
func clusterOwner(stateDir string) (*user.User, bool) {
	clusters, _ := filepath.Glob(filepath.Join(stateDir, "pg*", "PG_VERSION")) // the pattern is well formed
	for _, file := range clusters {
		info, err := os.Stat(filepath.Dir(file))
		if err != nil {
			continue
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || stat.Uid == 0 {
			continue
		}
		if u, err := user.LookupId(strconv.FormatUint(uint64(stat.Uid), 10)); err == nil {
			return u, true
		}
	}
	return nil, false
}

func currentName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Geteuid())
}

func newAccount(u *user.User) (account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return account{name: u.Username, uid: uint32(uid), gid: uint32(gid), other: true}, nil
}

// credential hands a process over, without any of root's supplementary groups; nil means that there is nothing to hand over.
func (a account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: []uint32{}}
}

// own gives a path to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	if err := os.Chown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to user %s: %w", path, a.name, err)
	}
	return nil
}

// checkReach makes sure that the account may enter dir and every directory above it. Without it the server would die
// with "Permission denied" on a path that root sees perfectly well.
func (a account) checkReach(dir string) error {
	if !a.other {
		return nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return fmt.Errorf("look at %s: %w", at, err)
		}
		if !a.mayEnter(info) {
			return fmt.Errorf("%s cannot be used: postgres runs as user %s, who may not enter %s (mode %04o); choose a directory outside of it, such as %s, or run as another user than root",
				dir, a.name, at, info.Mode().Perm(), systemStateDir)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func (a account) mayEnter(dir os.FileInfo) bool {
	stat, ok := dir.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	switch mode := dir.Mode().Perm(); {
	case stat.Uid == a.uid:
		return mode&0o100 != 0
	case stat.Gid == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
