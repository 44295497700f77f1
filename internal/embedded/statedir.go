package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const systemStateDir = "/var/lib/passbook"

// ErrInUse means that another process serves this state directory; the error around it names the process.
var ErrInUse = errors.New("state directory is in use")

// DefaultStateDir is /var/lib/passbook for root, because the servers' user cannot enter root's home, and
// $XDG_STATE_HOME/passbook (by default ~/.local/state/passbook) for everybody else.
func DefaultStateDir() string {
	if os.Geteuid() == 0 {
		return systemStateDir
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "passbook")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "passbook")
	}
	return filepath.Join(home, ".local", "state", "passbook")
}

// makeStateDir returns the directory's real, absolute path, making it when it is missing. Root's is open to enter,
// because a server under another user has to reach its own part of it; each part is closed.
func makeStateDir(dir string) (string, error) {
	if err := makeDir(dir, stateDirMode()); err != nil {
		return "", fmt.Errorf("make state directory: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("locate state directory: %w", err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", fmt.Errorf("locate state directory: %w", err)
	}
	return real, nil
}

func stateDirMode() os.FileMode {
	if os.Geteuid() == 0 {
		return 0o755
	}
	return 0o700
}

// makeDir gives a new directory exactly the mode, whatever the umask; one that exists is left as it is.
func makeDir(dir string, mode os.FileMode) error {
	if isDir(dir) {
		return nil
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// dirLock is held by one process at a time and falls with it, however it ends.
type dirLock struct {
	file *os.File
}

// lockDir takes the lock of one kind of server in a state directory, or fails with ErrInUse naming the holder.
func lockDir(dir, server string) (*dirLock, error) {
	path := filepath.Join(dir, server+".lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // a file of the state directory
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = file.Close() }()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s is held by %s", ErrInUse, path, readHolder(path))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	lock := &dirLock{file}
	if err := lock.sign(); err != nil {
		lock.unlock()
		return nil, fmt.Errorf("write to %s: %w", path, err)
	}
	return lock, nil
}

// sign leaves word for whoever finds the lock taken.
func (l *dirLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(fmt.Sprintf("process %d (%s)\n", os.Getpid(), filepath.Base(os.Args[0]))), 0)
	return err
}

func readHolder(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // a file of the state directory
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(text))
}

// unlock keeps the file: removing it would let two processes lock two files of the same name. Closing it would not be
// enough: a process that is being forked at this moment has the file too, until it execs.
func (l *dirLock) unlock() {
	if l != nil {
		_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
		_ = l.file.Close()
	}
}

// Unused reports whether no process runs a private Postgres in a state directory. The answer is as old as the question.
func Unused(stateDir string) bool {
	lock, err := lockDir(stateDir, "postgres")
	if err != nil {
		return false
	}
	lock.unlock()
	return true
}
