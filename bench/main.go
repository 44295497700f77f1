// Command bench compares the bank with what it stands on and what it stands against: pgbench, the optimistic way in plain Go, a
// peer. Everything runs against one private Postgres, in rounds in which everybody takes a turn, so that a machine that slows
// down slows down for all; what is told are the ratios within a round.
//
// It runs in its own directory: `make bench`, or `go run . -rounds 3 -seconds 5`. Exit codes: 0 measured, 1 failed (a check of
// what was written included), 2 wrong flags. A goal that is not reached is told, and is no failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"passbook/bench/contender"
	"passbook/bench/report"
	"passbook/bench/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the flags.
type options struct {
	rounds  int
	seconds float64
	only    string
	dir     string
	json    string
	page    string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 3, "rounds in which everybody takes a turn")
	flags.Float64Var(&o.seconds, "seconds", 5, "length of one measurement")
	flags.StringVar(&o.only, "only", "", "contenders that take part, separated by commas; empty: all")
	flags.StringVar(&o.dir, "dir", "", "where the database is made for the run, on a disk; empty: the system's temporary directory")
	flags.StringVar(&o.json, "json", "", "write everything, round by round, to this file")
	flags.StringVar(&o.page, "write", "", "replace the figures between the markers of this Markdown file, unless -only leaves some out")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.seconds <= 0 {
		flags.Usage()
		return o, errors.New("wrong flags")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if asked, err := rig.ServeNATS(ctx, args, stdout); asked {
		if err != nil {
			fmt.Fprintln(stderr, "bench:", err)
			return 1
		}
		return 0
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	contenders, err := contender.All(fields(o.only))
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	if err := compare(ctx, o, contenders, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// compare sets everything up, runs the rounds and reports.
func compare(ctx context.Context, o options, contenders []contender.Contender, stdout, stderr io.Writer) (err error) {
	dir, err := makeDir(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	result := &report.Run{
		Started: time.Now(), Command: o.command(), Commit: rig.Commit(".."), Rounds: o.rounds, Seconds: o.seconds, LeftOut: map[string]string{},
	}
	if result.Machine, err = rig.Look(dir); err != nil {
		return err
	}
	b, err := open(ctx, o, dir, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	result.Server = b.Server.Settings
	watch, err := rig.WatchOthers(b.Server, b.Issuer.Usage)
	if err != nil {
		return err
	}
	if err := rounds(ctx, o, &b.Bench, contenders, result, stderr); err != nil {
		return err
	}
	if result.Others, err = watch.Others(); err != nil {
		return err
	}
	result.Finish()
	return write(o, result, stdout)
}

// command is what makes the same run again.
func (o options) command() string {
	args := fmt.Sprintf("-rounds %d -seconds %v", o.rounds, o.seconds)
	if o.only != "" {
		args += " -only " + o.only
	}
	return "make bench ARGS='" + args + "'"
}

// makeDir makes a directory that the server's user can enter, also when we are root.
func makeDir(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, "passbook-bench-")
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755) //nolint:gosec // it holds nothing secret
}

// stand is what all contenders share, and how it is ended.
type stand struct {
	contender.Bench
	undo []func() error
}

// open starts it. Of one that fails nothing is left.
func open(ctx context.Context, o options, dir string, stderr io.Writer) (*stand, error) {
	measured := time.Duration(o.seconds * float64(time.Second))
	s := &stand{Bench: contender.Bench{
		Dir: dir, Peers: ".", Pace: contender.Pace{Warm: min(time.Second, measured/2), Measured: measured},
		Log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stand) start(ctx context.Context) (err error) {
	if s.Binaries, err = rig.Build(ctx, "..", filepath.Join(s.Dir, "bin")); err != nil {
		return err
	}
	if s.Server, err = rig.StartServer(ctx, s.Dir, s.Log); err != nil {
		return err
	}
	s.undo = append(s.undo, func() error { return s.Server.Stop(context.WithoutCancel(ctx)) })
	if s.Issuer, err = contender.StartIssuer(ctx, s.Binaries, s.Dir); err != nil {
		return err
	}
	s.undo = append(s.undo, s.Issuer.Stop)
	return nil
}

func (s *stand) close() (err error) {
	for i := len(s.undo) - 1; i >= 0; i-- {
		err = errors.Join(err, s.undo[i]())
	}
	return err
}

// rounds has everybody take a turn in each round.
func rounds(ctx context.Context, o options, b *contender.Bench, contenders []contender.Contender, result *report.Run, progress io.Writer) error {
	for round := range o.rounds {
		for _, c := range contenders {
			if _, out := result.LeftOut[c.Name]; out {
				continue
			}
			samples, err := b.Turn(ctx, c)
			var leftOut *contender.LeftOut
			if errors.As(err, &leftOut) {
				result.LeftOut[c.Name] = leftOut.Reason
				fmt.Fprintf(progress, "%s is left out: %s\n", c.Name, leftOut.Reason)
				continue
			}
			if err != nil {
				return fmt.Errorf("round %d: %w", round+1, err)
			}
			result.Add(c, samples)
			for _, m := range c.Measures {
				fmt.Fprintf(progress, "round %d/%d  %-60s %8.0f/s\n", round+1, o.rounds, m.Title, samples[m.ID].Rate)
			}
		}
	}
	return nil
}

func write(o options, result *report.Run, stdout io.Writer) error {
	err := result.WriteText(stdout)
	if o.json != "" {
		err = errors.Join(err, result.WriteJSON(o.json))
	}
	if o.page != "" && o.only == "" { // a page of a few figures would lose the others
		err = errors.Join(err, result.WriteInto(o.page))
	}
	return err
}
