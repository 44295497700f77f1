package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startMax = time.Minute
	stopMax  = 30 * time.Second
)

// Process is one of the bank's binaries, running.
type Process struct {
	Name string

	command *exec.Cmd
	done    chan struct{}

	mu      sync.Mutex
	output  bytes.Buffer
	changed chan struct{} // closed at the next output
}

// Binaries are the bank's, built for one run.
type Binaries struct{ dir string }

// Build compiles the bank in root into dir.
func Build(ctx context.Context, root, dir string) (Binaries, error) {
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", dir+"/", "./cmd/...") //nolint:gosec // our own sources
	build.Dir, build.Stderr = root, os.Stderr
	if err := build.Run(); err != nil {
		return Binaries{}, fmt.Errorf("build the bank: %w", err)
	}
	return Binaries{dir}, nil
}

// Start runs a binary with exactly this environment.
func (b Binaries) Start(name string, environ []string, args ...string) (*Process, error) {
	return start(name, filepath.Join(b.dir, name), environ, args)
}

// StartSelf runs this very program under another name.
func StartSelf(name string, args ...string) (*Process, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return start(name, path, nil, args)
}

func start(name, path string, environ, args []string) (*Process, error) {
	p := &Process{Name: name, done: make(chan struct{}), changed: make(chan struct{})}
	p.command = exec.Command(path, args...) //nolint:gosec // our own binaries
	p.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, environ...)
	p.command.Stdout, p.command.Stderr = p, p
	// Ctrl-C must not reach it before us: it is stopped in turn.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	diesWithUs(p.command.SysProcAttr)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.command.Wait() // its state is asked for where it matters
	}()
	return p, nil
}

// Write collects the process's output.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.output.Write(b)
	close(p.changed)
	p.changed = make(chan struct{})
	return len(b), nil
}

// Await returns the first group of the pattern once the output has it.
func (p *Process) Await(ctx context.Context, pattern *regexp.Regexp) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	for {
		p.mu.Lock()
		found, changed := pattern.FindSubmatch(p.output.Bytes()), p.changed
		p.mu.Unlock()
		if found != nil {
			return string(found[1]), nil
		}
		select {
		case <-changed:
		case <-p.done:
			return "", fmt.Errorf("%s ended (%s) before it said %q:\n%s", p.Name, p.command.ProcessState, pattern, p.tail())
		case <-ctx.Done():
			return "", fmt.Errorf("%s does not say %q: %w\n%s", p.Name, pattern, ctx.Err(), p.tail())
		}
	}
}

func (p *Process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := strings.Split(p.output.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// Stop asks the process to end and expects that it does so cleanly; one that does not is killed.
func (p *Process) Stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // one that has ended is told of below
	limit := time.NewTimer(stopMax)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		_ = p.command.Process.Kill()
		<-p.done
	}
	if !p.command.ProcessState.Success() {
		return fmt.Errorf("%s ended with %s:\n%s", p.Name, p.command.ProcessState, p.tail())
	}
	return nil
}

// Usage is what it has used so far. One that has ended is among what our children have used, and counts nothing any more.
func (p *Process) Usage() (Usage, error) {
	select {
	case <-p.done:
		return Usage{}, nil
	default:
		return UsageOf(p.command.Process.Pid)
	}
}
