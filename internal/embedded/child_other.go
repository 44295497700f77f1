//go:build unix && !linux

package embedded

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// setParentDeathSignal has nothing to set here: only Linux has the signal. The next start ends what is left.
func setParentDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

// runsIn reports whether process pid is alive and was started on dir: its command line carries "-D dir".
func runsIn(pid int, dir string) (bool, error) {
	out, err := exec.Command("ps", "-ww", "-o", "stat=,command=", "-p", strconv.Itoa(pid)).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return false, nil // no such process
	}
	if err != nil {
		return false, fmt.Errorf("look at process %d: %w", pid, err)
	}
	line := strings.TrimSpace(string(out))
	return !strings.HasPrefix(line, "Z") && strings.Contains(line, "-D "+dir+" "), nil
}
