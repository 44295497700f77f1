package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// One data directory a major version, named so that neither a human nor a program takes one for the other.
var (
	clusterPattern = regexp.MustCompile(`^pg(\d+)$`)
	draftPattern   = "pg*.init-*"
)

func clusterName(major int) string {
	return "pg" + strconv.Itoa(major)
}

// clusterMajors lists the major versions that have data in the state directory.
func clusterMajors(stateDir string) ([]int, error) {
	entries, err := os.ReadDir(stateDir)
	if err != nil {
		return nil, fmt.Errorf("read state directory: %w", err)
	}
	var majors []int
	for _, entry := range entries {
		if m := clusterPattern.FindStringSubmatch(entry.Name()); m != nil && entry.IsDir() {
			major, _ := strconv.Atoi(m[1]) // the pattern has only digits
			majors = append(majors, major)
		}
	}
	return majors, nil
}

// ensureCluster makes the data directory when there is none. initdb works under another name until it is done, so that an
// interrupted one is never taken for a cluster.
func (p *Postgres) ensureCluster(ctx context.Context) error {
	if _, err := os.Stat(p.dataDir()); err == nil {
		return nil
	}
	if err := p.removeDrafts(); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(p.dir, clusterName(p.install.major)+".init-")
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(draft) }() // gone already when it was renamed
	if err := p.account.own(draft); err != nil {
		return err
	}
	if err := p.initdb(ctx, draft); err != nil {
		return err
	}
	if err := os.Rename(draft, p.dataDir()); err != nil {
		return fmt.Errorf("put the new data directory in place: %w", err)
	}
	return nil
}

// removeDrafts clears what an interrupted initdb left. No server ever ran on those, and under our lock none is being made.
func (p *Postgres) removeDrafts() error {
	drafts, err := filepath.Glob(filepath.Join(p.dir, draftPattern))
	if err != nil {
		return fmt.Errorf("look for unfinished data directories: %w", err)
	}
	for _, draft := range drafts {
		if err := os.RemoveAll(draft); err != nil {
			return fmt.Errorf("remove unfinished data directory: %w", err)
		}
	}
	return nil
}

func (p *Postgres) initdb(ctx context.Context, dir string) error {
	start := time.Now()
	args := []string{
		"-D", dir, "-U", superuser, "--locale=C", "-E", "UTF8", "--auth-local=trust", "--auth-host=scram-sha-256",
	}
	if p.cfg.Durable {
		args = append(args, "--data-checksums")
	} else {
		args = append(args, "--no-sync")
	}
	cmd := p.command(ctx, "initdb", dir, args...)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	run, err := startChild(cmd)
	if err != nil {
		return fmt.Errorf("run initdb: %w", err)
	}
	<-run.done
	if ctx.Err() != nil {
		return fmt.Errorf("initdb was interrupted: %w", ctx.Err())
	}
	if run.err != nil {
		return fmt.Errorf("initdb failed: %w\n%s", run.err, output.String())
	}
	p.cfg.Log.InfoContext(ctx, "made a new postgres data directory", "dir", p.dataDir(), "took", time.Since(start))
	return nil
}

// allocatorEnv lets glibc's allocator keep what a statement frees. Left alone it gives the memory of every large statement back
// to the system and faults it in again for the next one, which measured a tenth of what an append of many entries costs. Other
// allocators do not know these names.
var allocatorEnv = []string{"MALLOC_TRIM_THRESHOLD_=67108864", "MALLOC_MMAP_THRESHOLD_=33554432", "MALLOC_TOP_PAD_=1048576"}

// command prepares one of the server's programs. It gets a small environment of its own: a LANG that is not installed breaks
// initdb, and PG* variables meant for a client must not reach a server.
func (p *Postgres) command(ctx context.Context, program, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.install.dir, program), args...) //nolint:gosec // programs of the Postgres that was found, arguments made here
	cmd.Env = append([]string{"LC_ALL=C", "LANG=C", "PATH=" + os.Getenv("PATH")}, allocatorEnv...)
	cmd.Dir = dir // ours may be one that the server's user cannot read
	cmd.SysProcAttr = detached(p.account)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
