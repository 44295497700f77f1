package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	pidFileName      = "postmaster.pid"
	pidFileStatus    = 7 // line, from 0
	leftoverInterval = 20 * time.Millisecond
)

// pidNote is what a running server keeps in its data directory.
type pidNote struct {
	pid    int
	status string
}

func readPIDFile(dataDir string) (pidNote, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, pidFileName)) //nolint:gosec // a file of the state directory
	if err != nil {
		return pidNote{}, err
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return pidNote{}, fmt.Errorf("read %s: %w", pidFileName, err)
	}
	note := pidNote{pid: pid}
	if len(lines) > pidFileStatus {
		note.status = strings.TrimSpace(lines[pidFileStatus])
	}
	return note, nil
}

// endLeftovers ends servers that outlived the process that started them. The state's lock is ours, so nobody is using them.
func (p *Postgres) endLeftovers(ctx context.Context, majors []int) error {
	for _, major := range majors {
		if err := endLeftover(ctx, filepath.Join(p.dir, clusterName(major)), p.cfg.Log); err != nil {
			return err
		}
	}
	return nil
}

// endLeftover ends the server of one data directory, if there is one.
//
// The pid it noted may by now belong to somebody else: after a restart of a container the same small numbers come
// again. Then nothing is signalled, and the note goes, because Postgres itself would take that process for a server
// and refuse to start.
func endLeftover(ctx context.Context, dataDir string, log *slog.Logger) error {
	note, err := readPIDFile(dataDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a leftover server: %w", err)
	}
	ours, err := runsIn(note.pid, dataDir)
	if err != nil {
		return err
	}
	if !ours {
		return removeStale(dataDir, note.pid)
	}
	log.WarnContext(ctx, "ending a private postgres that a crash left behind", "pid", note.pid, "data", dataDir)
	return endProcess(ctx, note.pid, dataDir)
}

// removeStale removes the pid file only if its number is taken by somebody else; Postgres clears it up itself
// otherwise, and checks more than we can.
func removeStale(dataDir string, pid int) error {
	if err := syscall.Kill(pid, 0); err != nil {
		return nil
	}
	if err := os.Remove(filepath.Join(dataDir, pidFileName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the note of a server that is gone: %w", err)
	}
	return nil
}

func endProcess(ctx context.Context, pid int, dataDir string) error {
	for _, step := range []struct {
		signal syscall.Signal
		limit  time.Duration
	}{{syscall.SIGINT, StopGrace}, {syscall.SIGQUIT, stopLimit}} {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end leftover server %d: %w", pid, err)
		}
		ended, err := awaitEnd(ctx, pid, dataDir, step.limit)
		if ended || err != nil {
			return err
		}
	}
	return fmt.Errorf("leftover server %d in %s does not end", pid, dataDir)
}

// awaitEnd polls: only a parent is told about a process's end.
func awaitEnd(ctx context.Context, pid int, dataDir string, limit time.Duration) (bool, error) {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		running, err := runsIn(pid, dataDir)
		if err != nil || !running {
			return !running, err
		}
		if err := wait(ctx, leftoverInterval); err != nil {
			return false, fmt.Errorf("wait for leftover server %d to end: %w", pid, err)
		}
	}
	return false, nil
}
