package embedded

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestTheServerNeverRunsAsRoot(t *testing.T) {
	t.Parallel()
	p := start(t, PostgresConfig{StateDir: stateDir(t)})
	if p.account.uid == 0 {
		t.Error("the account's uid is 0")
	}
	info, err := os.Stat(p.dataDir())
	if err != nil {
		t.Fatal(err)
	}
	if !p.account.mayEnter(info) || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory is not the account's own: %v", info.Mode())
	}
	if (os.Geteuid() == 0) != p.account.other {
		t.Errorf("as uid %d the server runs as %+v", os.Geteuid(), p.account)
	}
}

// A server must own its data: a user postgres that is installed later does not take over what nobody's server began.
func TestTheOwnerOfTheDataRunsTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cluster := filepath.Join(dir, "pg15")
	if err := os.Mkdir(cluster, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cluster, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := os.Geteuid()
	if want == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		if want, err = strconv.Atoi(nobody.Uid); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(cluster, want, -1); err != nil {
			t.Fatal(err)
		}
	}
	got, err := serverAccount(dir)
	if err != nil {
		t.Fatal(err)
	}
	if int(got.uid) != want {
		t.Errorf("the account is %+v, the data is of user %d", got, want)
	}
}

// Root would not notice that the server's user cannot get in; the server would die with a bare "Permission denied".
func TestADirectoryTheServersUserCannotEnterIsNamed(t *testing.T) {
	t.Parallel()
	open := stateDir(t)
	closed := filepath.Join(open, "closed")
	inside := filepath.Join(closed, "state")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := account{name: "stranger", uid: 4_000_000, gid: 4_000_000, other: true}
	if err := stranger.checkReach(open); err != nil {
		t.Errorf("refused %s: %v", open, err)
	}
	err := stranger.checkReach(inside)
	if err == nil {
		t.Fatal("did not notice")
	}
	for _, want := range []string{inside, closed + " (mode 0700)", "stranger", "/var/lib/passbook"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := (account{}).checkReach(inside); err != nil {
		t.Errorf("we ourselves need no check, got %v", err)
	}
}

func TestDefaultStateDir(t *testing.T) {
	want := "/var/lib/passbook"
	if os.Geteuid() != 0 {
		want = "/home/someone/.local/state/passbook"
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/home/someone")
	if got := DefaultStateDir(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if os.Geteuid() != 0 {
		want = "/elsewhere/passbook"
	}
	t.Setenv("XDG_STATE_HOME", "/elsewhere")
	if got := DefaultStateDir(); got != want {
		t.Errorf("with XDG_STATE_HOME: got %s, want %s", got, want)
	}
}
