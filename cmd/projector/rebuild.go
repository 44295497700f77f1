package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/actions"
	"passbook/internal/config"
	"passbook/internal/console"
	"passbook/internal/service"
	"passbook/readmodel"
	"passbook/readmodel/rebuild"
)

type rebuildCommand struct {
	Name       []string `arg:"" help:"Projections; those that are rebuilt together read the log once."`
	MaxRate    int      `placeholder:"EVENTS" help:"Replay at most so many events a second. It slows down by itself when commands or reads do."`
	AcceptDiff bool     `help:"Switch although rows differ from those that readers see now."`
	DryRun     bool     `help:"Tell what would be done: rows, time, disk."`
	changeFlags
}

// Help is shown by --help.
func (rebuildCommand) Help() string {
	return `The tables of the next generation are filled from the log, compared with the ones that readers see, and exchanged for them in one
transaction. The generation before is kept up to date until it is dropped, so that rollback is instant. A rebuild that was interrupted
goes on where it was when it is started again. Exit code 4: rows differ and nothing was switched, see --accept-diff and cancel;
5: another process has the projection in hand.

Examples:
  projector rebuild balances timeline
  projector rebuild timeline --dry-run
  projector rebuild timeline --max-rate 20000
  projector rebuild balances --accept-diff --reason "version 2 counts holds"`
}

// Memory of a rebuild: the collector works as hard as it takes to stay below.
const rebuildMemory = 400 << 20

// Run rebuilds.
func (c rebuildCommand) Run(ctx context.Context, t *terminal) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(rebuildMemory)
	}
	o, err := t.open(ctx, c.Name...)
	if err != nil {
		return err
	}
	defer o.pool.Close()
	plans, err := o.rebuilder.Plan(ctx, o.projectors)
	if err != nil {
		return err
	}
	if c.DryRun {
		return t.Result(map[string]any{"plans": plans}, func(w io.Writer) error { return writePlans(w, plans) })
	}
	return t.change(ctx, o.pool, "projector rebuild", c.changeFlags, dropPreview(plans), func(ctx context.Context) (string, error) {
		return c.rebuild(ctx, t, o)
	})
}

func (c rebuildCommand) rebuild(ctx context.Context, t *terminal, o *operation) (string, error) {
	shown := &shownProgress{console: t.Console}
	options := o.options(c.changeFlags)
	options.AcceptDiff, options.MaxRate, options.Report = c.AcceptDiff, c.MaxRate, shown.report
	results, err := o.rebuilder.Run(ctx, o.projectors, options)
	shown.end()
	var done []string
	for _, r := range results {
		done = append(done, fmt.Sprintf("%s: generation %d serves readers from position %s; %s", r.Projection, r.Generation, console.Count(r.Position), r.Finding.Text))
	}
	if len(results) > 0 {
		printed := t.Result(map[string]any{"rebuilt": results}, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, strings.Join(done, "\n"))
			return err
		})
		err = errors.Join(err, printed)
	}
	return strings.Join(done, "; "), explained(ctx, err)
}

// explained gives an error its exit code, and says what can be done.
func explained(ctx context.Context, err error) error {
	if running, ok := errors.AsType[*rebuild.RunningError](err); ok {
		return console.Busy(running)
	}
	switch _, differs := errors.AsType[*rebuild.DiffersError](err); {
	case differs:
		return console.Different(fmt.Errorf("%w\nnothing was switched for it: --accept-diff goes on, projector cancel drops what was made", err))
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("interrupted (%w): the same command goes on where it was, projector cancel drops what was made", context.Cause(ctx))
	}
	return err
}

// operation is what commands about generations work with.
type operation struct {
	pool       *pgxpool.Pool
	rebuilder  *rebuild.Rebuilder
	projectors []readmodel.Projector
}

// open finds the projections by name, all when none is named.
func (t *terminal) open(ctx context.Context, names ...string) (*operation, error) {
	o := &operation{}
	var known []string
	for _, p := range readmodel.Projectors() {
		known = append(known, p.Name)
		if len(names) == 0 || slices.Contains(names, p.Name) {
			o.projectors = append(o.projectors, p)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, console.Usage(fmt.Errorf("there is no projection %q; there are %s", name, strings.Join(known, ", ")))
		}
	}
	cfg, err := config.LoadOperator(t.environ)
	if err != nil {
		return nil, err
	}
	if o.pool, err = t.databaseFor(ctx, service.RebuildConns); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(t.Notes, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if o.rebuilder, err = service.NewRebuilder(o.pool, cfg.ParkedMax, log); err != nil {
		o.pool.Close()
		return nil, err
	}
	return o, nil
}

func (o *operation) options(flags changeFlags) rebuild.Options {
	return rebuild.Options{Holder: service.Instance("operator"), StartedBy: cmp.Or(flags.As, actions.Login())}
}

// dropPreview is shown when the switch will drop something.
func dropPreview(plans []rebuild.Plan) *console.Preview {
	preview := &console.Preview{Title: "The switch drops what could be rolled back to until now:"}
	for _, p := range plans {
		if p.Drops > 0 {
			preview.Lines = append(preview.Lines, fmt.Sprintf("generation %d of %s", p.Drops, p.Projection))
		}
	}
	if len(preview.Lines) == 0 {
		return nil
	}
	return preview
}

func writePlans(w io.Writer, plans []rebuild.Plan) error {
	for _, p := range plans {
		_, err := fmt.Fprintf(w, "%s: generation %d beside generation %d, %s events of %s accounts, about %s rows, %s of disk, about %s, %d reading(s) of the log\n",
			p.Projection, p.Next, p.Live, console.Count(p.Events), console.Count(p.Accounts), console.Count(p.Rows), mebibytes(p.DiskBytes),
			p.Estimate.Round(time.Second), p.Passes)
		if err == nil && p.Resumes != "" {
			_, err = fmt.Fprintf(w, "  it was begun already, and goes on in phase %s\n", p.Resumes)
		}
		if err == nil && p.Drops > 0 {
			_, err = fmt.Fprintf(w, "  the switch drops generation %d\n", p.Drops)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func mebibytes(n int64) string { return console.Count((n+1<<20-1)>>20) + " MiB" }

// shownProgress shows the phases of a rebuild one after another.
type shownProgress struct {
	console *console.Console
	phase   string
	bar     *console.Progress
	note    string
	slowed  bool
}

// report is called by one goroutine at a time.
func (s *shownProgress) report(p rebuild.Progress) {
	if phase := p.Phase + " " + strings.Join(p.Projections, ", "); phase != s.phase {
		s.end()
		s.phase, s.note = phase, ""
		if p.Total > 0 {
			s.bar = s.console.Progress(phase, p.Total)
		} else if !s.console.JSON {
			fmt.Fprintf(s.console.Notes, "%s, after %.1f s\n", phase, p.Elapsed.Seconds())
		}
	}
	if s.bar != nil {
		s.bar.Set(p.Done)
	}
	if p.Slowed != s.slowed {
		s.slowed = p.Slowed
		s.say(map[bool]string{true: "slowed down: the bank is busy", false: "at full speed again"}[p.Slowed])
	}
	if p.Note != "" && p.Note != s.note {
		s.note = p.Note
		s.say(fmt.Sprintf("%s, after %.1f s", p.Note, p.Elapsed.Seconds()))
	}
}

// say writes a line between others; a bar has no room for one.
func (s *shownProgress) say(text string) {
	if !s.console.JSON && (s.bar == nil || !s.console.Terminal) {
		fmt.Fprintln(s.console.Notes, "  "+text)
	}
}

func (s *shownProgress) end() {
	if s.bar != nil {
		s.bar.End()
		s.bar = nil
	}
}
