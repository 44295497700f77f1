// Command rebuild measures a rebuild of the read models over a large log, beside what Postgres' own client takes to copy the log out
// and the rows of the timeline in. Readers poll the query API meanwhile, and commands go on.
//
//	cd bench && go run ./rebuild -events 10000000 -accounts 100000
//
// Exit codes: 0 measured, and nobody saw an error or a step back; 1 failed, or somebody did; 2 wrong flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"passbook/bench/contender"
	"passbook/bench/rig"
	"passbook/internal/embedded"
	"passbook/internal/localissuer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the flags.
type options struct {
	events, accounts int
	seed             uint64
	dir              string
	verify           bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("rebuild", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.events, "events", 1_000_000, "events in the log")
	flags.IntVar(&o.accounts, "accounts", 100_000, "accounts they are of")
	flags.Uint64Var(&o.seed, "seed", 1, "of the history")
	flags.StringVar(&o.dir, "dir", "", "where the database is made for the run, on a disk; empty: the system's temporary directory")
	flags.BoolVar(&o.verify, "verify", true, "prove afterwards that log and read models agree")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.events < 1 || o.accounts < 1 {
		flags.Usage()
		return o, errors.New("wrong flags")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	if err := measure(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "rebuild:", err)
		return 1
	}
	return 0
}

// stand is everything that runs, and how it is ended.
type stand struct {
	options
	dir      string
	binaries rig.Binaries
	server   *rig.Server
	url      string
	out      io.Writer
	undo     []func() error
}

const database = "bank"

// measure sets everything up, measures and reports.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp(o.dir, "passbook-rebuild-")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // it holds nothing secret, and the server's user must enter it
		return err
	}
	s := &stand{options: o, dir: dir, out: stdout, undo: []func() error{func() error { return os.RemoveAll(dir) }}}
	defer func() {
		for i := len(s.undo) - 1; i >= 0; i-- {
			err = errors.Join(err, s.undo[i]())
		}
	}()
	if err := s.start(ctx, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
		return err
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	limit, err := measureRaw(ctx, s.server, s.url, s.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "raw limit: log out in %.1f s, timeline in in %.1f s: %.0f events/s\n", limit.out.Seconds(), limit.in.Seconds(), limit.limit(int64(o.events)))
	return s.rebuildUnderLoad(ctx, limit)
}

func (s *stand) start(ctx context.Context, log *slog.Logger) (err error) {
	if s.binaries, err = rig.Build(ctx, "..", filepath.Join(s.dir, "bin")); err != nil {
		return err
	}
	if s.server, err = rig.StartServer(ctx, s.dir, log); err != nil {
		return err
	}
	s.undo = append(s.undo, func() error { return s.server.Stop(context.WithoutCancel(ctx)) })
	if err := s.server.Create(ctx, database); err != nil {
		return err
	}
	s.url = s.server.URL(database)
	_, _, err = s.command(ctx, "passbook", "migrate")
	return err
}

// command runs a binary to its end and returns how long it took and how much memory it had at most.
func (s *stand) command(ctx context.Context, name string, args ...string) (time.Duration, int64, error) {
	c := exec.CommandContext(ctx, filepath.Join(s.dir, "bin", name), args...) //nolint:gosec // our own binaries
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DATABASE_URL=" + s.url}
	started := time.Now()
	out, err := c.CombinedOutput()
	took := time.Since(started)
	if err != nil {
		return took, 0, fmt.Errorf("%s %v: %w\n%s", name, args, err, out)
	}
	if name == "projector" {
		fmt.Fprintf(s.out, "%s", out)
	}
	usage, _ := c.ProcessState.SysUsage().(*syscall.Rusage)
	return took, usage.Maxrss << 10, nil
}

// fill writes the history, and the first rows of the read models, which a rebuild from nothing makes.
func (s *stand) fill(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	started := time.Now()
	if err := writeHistory(ctx, conn, s.events, s.accounts, s.seed); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "history: %d events of %d accounts in %.1f s\n", s.events, s.accounts, time.Since(started).Seconds())
	took, _, err := s.command(ctx, "projector", "rebuild", "balances", "timeline", "--yes")
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "rebuild from nothing, the machine to itself: %.1f s, %.0f events/s\n", took.Seconds(), float64(s.events)/took.Seconds())
	return s.server.Checkpoint(ctx)
}

// rebuildUnderLoad is the measurement proper.
func (s *stand) rebuildUnderLoad(ctx context.Context, limit raw) error {
	w, err := s.open(ctx)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { defer close(watched); w.run(watching) }()
	took, memory, err := s.command(ctx, "projector", "rebuild", "balances", "timeline", "--yes")
	stop()
	<-watched
	if err != nil {
		return err
	}
	rate := float64(s.events) / took.Seconds()
	fmt.Fprintf(s.out, `rebuild of both projections while the bank is open: %.1f s, %.0f events/s, %.2f of the raw limit, %d MiB at most
meanwhile %d reads (p50 %s, p99 %s, max %s) and %d commands (p50 %s, p99 %s, max %s), %d errors, %d steps back
`, took.Seconds(), rate, rate/limit.limit(int64(s.events)), memory>>20,
		w.reads, ms(w.quantile("read", 0.5)), ms(w.quantile("read", 0.99)), ms(w.quantile("read", 1)),
		w.commands, ms(w.quantile("command", 0.5)), ms(w.quantile("command", 0.99)), ms(w.quantile("command", 1)), len(w.faults), w.backwards)
	if len(w.faults) > 0 || w.backwards > 0 {
		return fmt.Errorf("clients saw %d errors and %d steps back, the first: %v", len(w.faults), w.backwards, w.faults[:min(3, len(w.faults))])
	}
	if s.verify {
		_, _, err = s.command(ctx, "projector", "verify")
	}
	return err
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

var serviceListens = func(name string) *regexp.Regexp {
	return regexp.MustCompile(`listening.*service=` + name + `.*address=(\S+)`)
}

// open starts the bank: a command API whose relay is off, since it would carry the whole history to the broker first, a query API,
// and a projector.
func (s *stand) open(ctx context.Context) (*watch, error) {
	issuer, err := contender.StartIssuer(ctx, s.binaries, s.dir)
	if err != nil {
		return nil, err
	}
	s.undo = append(s.undo, issuer.Stop)
	broker, err := embedded.StartNATS(ctx, embedded.NATSConfig{StateDir: filepath.Join(s.dir, "nats"), Port: embedded.RandomPort})
	if err != nil {
		return nil, err
	}
	s.undo = append(s.undo, func() error { return broker.Stop(context.WithoutCancel(ctx)) })
	w := &watch{token: issuer.Token}
	for _, service := range []struct {
		name string
		url  *string
	}{{"command-api", &w.command}, {"query-api", &w.query}, {"projector", nil}} {
		p, err := s.binaries.Start(service.name, []string{
			"DATABASE_URL=" + s.url, "HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "NATS_URL=" + broker.URL(), "RELAY=off",
			"AUTH_ISSUER=" + localissuer.ID, "AUTH_DISCOVERY_URL=" + issuer.URL,
		})
		if err != nil {
			return nil, err
		}
		s.undo = append(s.undo, p.Stop)
		if service.url == nil {
			continue
		}
		address, err := p.Await(ctx, serviceListens(service.name))
		if err != nil {
			return nil, err
		}
		*service.url = "http://" + address
	}
	w.accounts, err = s.someAccounts(ctx)
	return w, err
}

func (s *stand) someAccounts(ctx context.Context) ([]string, error) {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, "SELECT account_id::text FROM readmodel.balances ORDER BY account_id LIMIT 50")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
