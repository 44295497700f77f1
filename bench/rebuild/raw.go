package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"passbook/bench/rig"
)

// raw is what Postgres itself takes for the same bytes, by its own client: the log out, the rows of the timeline in.
type raw struct {
	out, in time.Duration
}

// limit is events a second of a program that would do nothing but that.
func (r raw) limit(events int64) float64 { return float64(events) / (r.out + r.in).Seconds() }

// measureRaw copies the log to nowhere, and the timeline's rows from a file into a table without keys.
func measureRaw(ctx context.Context, server *rig.Server, url, dir string) (r raw, err error) {
	psql, err := server.Program("psql")
	if err != nil {
		return r, err
	}
	file := filepath.Join(dir, "timeline.copy")
	defer func() { _ = os.Remove(file) }()
	if _, err := timed(ctx, psql, url, `\copy (SELECT * FROM readmodel.timeline) TO '`+file+`'`); err != nil {
		return r, err
	}
	if r.out, err = timed(ctx, psql, url, `\copy events TO '/dev/null'`); err != nil {
		return r, err
	}
	if _, err := timed(ctx, psql, url, `CREATE TABLE raw_timeline (LIKE readmodel.timeline INCLUDING ALL EXCLUDING INDEXES)`); err != nil {
		return r, err
	}
	if r.in, err = timed(ctx, psql, url, `\copy raw_timeline FROM '`+file+`'`); err != nil {
		return r, err
	}
	_, err = timed(ctx, psql, url, `DROP TABLE raw_timeline`)
	return r, err
}

func timed(ctx context.Context, psql, url, command string) (time.Duration, error) {
	started := time.Now()
	out, err := exec.CommandContext(ctx, psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command="+command, url).CombinedOutput() //nolint:gosec // psql of the Postgres that was found
	if err != nil {
		return 0, fmt.Errorf("psql %s: %w\n%s", command, err, out)
	}
	return time.Since(started), nil
}
