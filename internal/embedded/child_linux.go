package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

func setParentDeathSignal(attr *syscall.SysProcAttr, s syscall.Signal) {
	attr.Pdeathsig = s
}

// runsIn reports whether process pid is alive and works in dir, as a postmaster does in its data directory. A zombie
// does not count: it holds nothing any more, and without an init to collect it it may stand for ever.
func runsIn(pid int, dir string) (bool, error) {
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	switch {
	case os.IsNotExist(err):
		return false, nil
	case os.IsPermission(err):
		// Another user's process. Ours would be readable: it has our user, or we are root.
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return cwd == dir, nil
}
