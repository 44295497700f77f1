package contender

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"passbook/bench/rig"
)

// Emmett is an event store for Postgres that can be had by its package's name. It appends one event a command, with the version
// that it expects of the stream.
var emmett = Contender{
	Name: "emmett",
	Measures: []Measure{
		{"emmett/spread/64", "Emmett, 10,000 streams, 64 at a time", YardstickWrite},
		{"emmett/hot/64", "Emmett, one stream, 64 at a time", YardstickWrite},
	},
	turn: func(ctx context.Context, s *Stage) error {
		e, err := s.startEmmett(ctx)
		if err != nil {
			return err
		}
		if err := s.measure(ctx, "emmett/spread/64", nil, e.appends(streams)); err != nil {
			return err
		}
		if err := s.measure(ctx, "emmett/hot/64", nil, e.appends(1)); err != nil {
			return err
		}
		if err := s.expectRows(ctx, "SELECT count(*) FROM emt_messages"); err != nil {
			return err
		}
		return s.expectGapless(ctx, `SELECT count(*) FROM (SELECT 1 FROM emt_messages GROUP BY stream_id
			HAVING min(stream_position) <> 1 OR max(stream_position) <> count(*)) broken`)
	},
}

// emmettScript appends in runs that it is told of on stdin, and answers each with a line of JSON.
type emmettScript struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

// startEmmett runs the script on the contender's database.
func (s *Stage) startEmmett(ctx context.Context) (*emmettScript, error) {
	node, dir, err := s.bench.findEmmett(ctx)
	if err != nil {
		return nil, err
	}
	e := &emmettScript{command: exec.CommandContext(ctx, node, "append.mjs")} //nolint:gosec // node as found in PATH
	e.command.Dir, e.command.Env, e.command.Stderr = dir, libpqEnviron(s.url()), os.Stderr
	out, err1 := e.command.StdoutPipe()
	e.in, err = e.command.StdinPipe()
	if err := errors.Join(err1, err, e.command.Start()); err != nil {
		return nil, fmt.Errorf("start emmett: %w", err)
	}
	e.out = bufio.NewScanner(out)
	s.running = append(s.running, func() (rig.Usage, error) { return rig.UsageOf(e.command.Process.Pid) })
	s.later(func(context.Context) error {
		_ = e.in.Close() // the script ends with its input
		return e.command.Wait()
	})
	return e, nil
}

// findEmmett says where node and the script are. It installs the pinned packages the first time, with npm.
func (b *Bench) findEmmett(ctx context.Context) (node, dir string, err error) {
	node, err1 := exec.LookPath("node")
	npm, err2 := exec.LookPath("npm")
	if err := errors.Join(err1, err2); err != nil {
		return "", "", &LeftOut{"it needs node and npm: " + err.Error()}
	}
	dir = filepath.Join(b.Peers, "emmett")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@event-driven-io", "emmett-postgresql")); err == nil {
		return node, dir, nil
	}
	install := exec.CommandContext(ctx, npm, "ci", "--no-audit", "--no-fund") //nolint:gosec // npm as found in PATH
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return "", "", &LeftOut{fmt.Sprintf("npm ci: %v\n%s", err, out)}
	}
	return node, dir, nil
}

// emmettRun is what the script is told to do.
type emmettRun struct {
	Streams     int     `json:"streams"`
	Concurrency int     `json:"concurrency"`
	Seconds     float64 `json:"seconds"`
}

func (e *emmettScript) appends(streams int) work {
	return func(_ context.Context, d time.Duration) (Sample, error) {
		if err := json.NewEncoder(e.in).Encode(emmettRun{streams, 64, d.Seconds()}); err != nil {
			return Sample{}, fmt.Errorf("emmett: %w", err)
		}
		if !e.out.Scan() {
			return Sample{}, errors.Join(errors.New("emmett ended"), e.out.Err())
		}
		return parseEmmett(e.out.Bytes())
	}
}

func parseEmmett(line []byte) (Sample, error) {
	var said struct {
		Quantiles
		Appended  int64   `json:"appended"`
		Conflicts int64   `json:"conflicts"`
		Seconds   float64 `json:"seconds"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return Sample{}, fmt.Errorf("read what the script says: %w\n%s", err, line)
	}
	if said.Seconds <= 0 {
		return Sample{}, fmt.Errorf("the script says nothing of its time: %s", line)
	}
	rate := float64(said.Appended) / said.Seconds
	return Sample{Operations: said.Appended, Conflicts: said.Conflicts, Rate: rate, Latency: &said.Quantiles}, nil
}
