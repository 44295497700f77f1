package embedded

import (
	"os/exec"
	"runtime"
	"syscall"
)

// child is a process whose end is always collected.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // set before done is closed
}

// startChild starts cmd from a goroutine that stays on its thread until the child has ended: the kernel sends the
// parent-death signal when the starting thread dies, and the runtime is free to end a thread that no goroutine is bound to.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
		}
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

func (c *child) pid() int {
	return c.cmd.Process.Pid
}

// signal reaches the server itself, not its group: it passes on to its own children what they need to know. An error
// can only mean that it has ended already, which done tells better.
func (c *child) signal(s syscall.Signal) {
	_ = c.cmd.Process.Signal(s)
}

// detached are the process attributes of everything started here: a group of its own, so that Ctrl-C in the terminal
// reaches only us and the order of the shutdown stays ours; the server's user; and the parent-death signal, where
// there is one.
func detached(a account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Credential: a.credential()}
	setParentDeathSignal(attr, syscall.SIGINT)
	return attr
}
