package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/actions"
	"passbook/internal/console"
	"passbook/internal/eventcodec"
	"passbook/internal/service"
	"passbook/internal/telemetry"
	"passbook/readmodel"
)

type parkedCommand struct {
	List  parkedListCommand  `cmd:"" help:"List the accounts that projections have set aside, and the events that were passed over."`
	Show  parkedShowCommand  `cmd:"" help:"Show one parked account: the event, its cause, what waits behind it."`
	Retry parkedRetryCommand `cmd:"" help:"Apply what waits, in its order, by the code of this command."`
	Skip  parkedSkipCommand  `cmd:"" help:"Pass over the event that an account waits behind, for good, and apply what comes after it."`
}

type parkedListCommand struct {
	Projection string `arg:"" optional:"" help:"Only this projection."`
}

// Help is shown by --help.
func (parkedListCommand) Help() string {
	return `Exit code 0: nothing is parked; 4: something is.

Examples:
  projector parked list
  projector parked list balances --json`
}

// Run lists.
func (c parkedListCommand) Run(ctx context.Context, t *terminal) error {
	pool, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	parked, err := readmodel.ListParked(ctx, pool, c.Projection, uuid.Nil)
	if err != nil {
		return err
	}
	skipped, err := readmodel.ListSkipped(ctx, pool, c.Projection)
	if err != nil {
		return err
	}
	document := map[string]any{"parked": parked, "skipped": skipped}
	if err := t.Result(document, func(w io.Writer) error { return writeParked(w, parked, skipped) }); err != nil {
		return err
	}
	if len(parked) > 0 {
		return console.Different(nil)
	}
	return nil
}

func writeParked(w io.Writer, parked []readmodel.Parked, skipped []readmodel.Skipped) error {
	if len(parked) == 0 {
		fmt.Fprintln(w, "nothing is parked")
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(parked) > 0 {
		fmt.Fprintln(table, "PROJECTION\tGEN\tACCOUNT\tEVENT\tCLASS\tWAITING\tTRIED\tSTALE SINCE\tCAUSE")
	}
	for _, p := range parked {
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\t%d\t%d\t%s\t%s\n", p.Projection, p.Generation, p.AccountID, p.Position, p.Class, p.Waiting,
			p.Attempts, p.StaleSince.Format(time.DateTime), inOneLine(p.Cause))
	}
	if err := table.Flush(); err != nil || len(skipped) == 0 {
		return err
	}
	fmt.Fprintln(table, "\nPROJECTION\tACCOUNT\tEVENT\tPASSED OVER\tBY\tREASON")
	for _, s := range skipped {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", s.Projection, s.AccountID, s.Position, s.SkippedAt.Format(time.DateTime), s.SkippedBy, s.Reason)
	}
	return table.Flush()
}

const causeShown = 80

func inOneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > causeShown {
		return string(runes[:causeShown-1]) + "…"
	}
	return text
}

// parkedAccount names one account of one projection.
type parkedAccount struct {
	Projection string    `arg:"" help:"The projection that has parked the account."`
	Account    uuid.UUID `arg:"" help:"The account."`
}

// find returns what is parked of the live generation.
func (a parkedAccount) find(ctx context.Context, pool *pgxpool.Pool) (readmodel.Parked, error) {
	list, err := readmodel.ListParked(ctx, pool, a.Projection, a.Account)
	if err != nil {
		return readmodel.Parked{}, err
	}
	i := slices.IndexFunc(list, func(p readmodel.Parked) bool { return p.Live })
	if i < 0 {
		return readmodel.Parked{}, fmt.Errorf("account %s is not parked in %s: projector parked list shows what is", a.Account, a.Projection)
	}
	return list[i], nil
}

type parkedShowCommand struct{ parkedAccount }

// Help is shown by --help.
func (parkedShowCommand) Help() string {
	return "Examples:\n  projector parked show balances 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e"
}

// Run shows.
func (c parkedShowCommand) Run(ctx context.Context, t *terminal) error {
	pool, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	p, err := c.find(ctx, pool)
	if err != nil {
		return err
	}
	return t.Result(p, func(w io.Writer) error { return writeOneParked(w, p) })
}

func writeOneParked(w io.Writer, p readmodel.Parked) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"account", p.AccountID.String()},
		{"projection", fmt.Sprintf("%s, generation %d", p.Projection, p.Generation)},
		{"rows", fmt.Sprintf("are the account up to its version %d", p.Version)},
		{"event", fmt.Sprintf("%d, %s, %s", p.Position, p.EventType, p.EventID)},
		{"waiting", fmt.Sprintf("%d events, that one included", p.Waiting)},
		{"stale since", p.StaleSince.Format(time.RFC3339)},
		{"tried", fmt.Sprintf("%d times, first %s, last %s by build %s", p.Attempts, p.FirstAt.Format(time.RFC3339), p.LastAt.Format(time.RFC3339), p.Build)},
		{"class", p.Class + ": " + classes[p.Class]},
		{"cause", p.Cause},
	} {
		fmt.Fprintf(table, "%s\t%s\n", line[0], line[1])
	}
	return table.Flush()
}

// classes say what to do.
var classes = map[string]string{
	readmodel.ClassUnreadable: "this code cannot read the payload. Deploy code that can; it tries again when it starts",
	readmodel.ClassRefused:    "the projection refuses it. Deploy code that does not; it tries again when it starts",
	readmodel.ClassOutOfOrder: "it does not follow the account's rows, which are damaged. Rebuild the projection",
	readmodel.ClassPanic:      "the projection's code panicked; its log has the stack. Deploy code that does not; it tries again when it starts",
	readmodel.ClassDatabase:   "Postgres refuses the rows. Mend what refuses them, then retry",
	readmodel.ClassKilled:     "the process died with it. Deploy other code, which tries it when it starts; a retry may kill this command",
}

type parkedRetryCommand struct {
	Projection string    `arg:"" help:"The projection that has parked the account."`
	Account    uuid.UUID `arg:"" optional:"" help:"The account; not needed with --all."`
	All        bool      `help:"Every account that the projection has parked."`
	changeFlags
}

// Help is shown by --help.
func (parkedRetryCommand) Help() string {
	return `Exit code 0: released, the account is up to date; 4: it is still parked.

Examples:
  projector parked retry balances 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e --reason "constraint dropped"
  projector parked retry timeline --all`
}

// retried is one account's outcome.
type retried struct {
	AccountID uuid.UUID         `json:"account_id"`
	Outcome   readmodel.Outcome `json:"outcome"`
}

// Run retries.
func (c parkedRetryCommand) Run(ctx context.Context, t *terminal) error {
	if (c.Account == uuid.Nil) != c.All {
		return console.Usage(errors.New("name an account, or --all"))
	}
	pool, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	desk, err := parkingDesk(pool, c.Projection)
	if err != nil {
		return err
	}
	accounts, err := c.accounts(ctx, pool)
	if err != nil {
		return err
	}
	var done []retried
	err = t.change(ctx, pool, "projector parked retry", c.changeFlags, nil, func(ctx context.Context) (string, error) {
		for _, account := range accounts {
			outcome, err := desk.Retry(ctx, account)
			if err != nil {
				return "", fmt.Errorf("retry account %s: %w", account, err)
			}
			done = append(done, retried{account, outcome})
		}
		return summary(done), nil
	})
	if err != nil {
		return err
	}
	return t.retried(done)
}

func (c parkedRetryCommand) accounts(ctx context.Context, pool *pgxpool.Pool) ([]uuid.UUID, error) {
	if !c.All {
		p, err := parkedAccount{c.Projection, c.Account}.find(ctx, pool)
		return []uuid.UUID{p.AccountID}, err
	}
	list, err := readmodel.ListParked(ctx, pool, c.Projection, uuid.Nil)
	var accounts []uuid.UUID
	for _, p := range list {
		if p.Live {
			accounts = append(accounts, p.AccountID)
		}
	}
	return accounts, err
}

// retried reports, and says by its error whether something is still parked.
func (t *terminal) retried(done []retried) error {
	if done == nil {
		done = []retried{}
	}
	err := t.Result(map[string]any{"retried": done}, func(w io.Writer) error {
		for _, r := range done {
			fmt.Fprintln(w, r)
		}
		_, err := fmt.Fprintln(w, summary(done))
		return err
	})
	if err == nil && slices.ContainsFunc(done, func(r retried) bool { return !r.Outcome.Released }) {
		return console.Different(nil)
	}
	return err
}

func (r retried) String() string {
	if r.Outcome.Released {
		return fmt.Sprintf("account %s: released, %d events applied", r.AccountID, r.Outcome.Applied)
	}
	return fmt.Sprintf("account %s: still parked, %d events applied, event %d cannot be (%s): %s",
		r.AccountID, r.Outcome.Applied, r.Outcome.Position, r.Outcome.Class, inOneLine(r.Outcome.Cause))
}

func summary(done []retried) string {
	released := 0
	for _, r := range done {
		if r.Outcome.Released {
			released++
		}
	}
	return fmt.Sprintf("%d of %d accounts released", released, len(done))
}

type parkedSkipCommand struct {
	parkedAccount
	changeFlags
}

// Help is shown by --help.
func (parkedSkipCommand) Help() string {
	return `The event stays in the log; this projection will never show what it said, unless later code can apply it. --reason is needed, and
kept with the event. Exit code 0: released; 4: passed over, but a later event of the account cannot be applied either.

Examples:
  projector parked skip timeline 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e --reason "duplicate of event 4711, booked by hand"`
}

// Run passes over.
func (c parkedSkipCommand) Run(ctx context.Context, t *terminal) error {
	if strings.TrimSpace(c.Reason) == "" {
		return console.Usage(errors.New("--reason is needed: why may the event be passed over?"))
	}
	pool, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	desk, err := parkingDesk(pool, c.Projection)
	if err != nil {
		return err
	}
	p, err := c.find(ctx, pool)
	if err != nil {
		return err
	}
	preview := &console.Preview{Title: fmt.Sprintf("Pass over event %d of account %s in %s, for good", p.Position, p.AccountID, p.Projection), Lines: []string{
		fmt.Sprintf("event: %s, recorded %s", p.EventType, p.StaleSince.Format(time.RFC3339)),
		"cause: " + inOneLine(p.Cause),
		fmt.Sprintf("then %d more events of the account are applied", p.Waiting-1),
	}}
	by := c.As
	if by == "" {
		by = actions.Login()
	}
	var done []retried
	err = t.change(ctx, pool, "projector parked skip", c.changeFlags, preview, func(ctx context.Context) (string, error) {
		outcome, err := desk.PassOver(ctx, c.Account, p.Position, by, c.Reason)
		done = []retried{{c.Account, outcome}}
		return fmt.Sprintf("event %d of account %s passed over; %s", p.Position, p.AccountID, summary(done)), err
	})
	if err != nil {
		return err
	}
	return t.retried(done)
}

// parkingDesk finds the projection.
func parkingDesk(pool *pgxpool.Pool, name string) (*readmodel.ParkingDesk, error) {
	all := readmodel.Projectors()
	i := slices.IndexFunc(all, func(p readmodel.Projector) bool { return p.Name == name })
	if i < 0 {
		return nil, console.Usage(fmt.Errorf("there is no projection %q", name))
	}
	codec, err := eventcodec.New()
	if err != nil {
		return nil, err
	}
	config := readmodel.DefaultConfig()
	config.Holder, config.Build = service.Instance("operator"), telemetry.Version()
	return readmodel.NewParkingDesk(readmodel.Parts{Pool: pool, Decoder: codec, Logger: slog.New(slog.DiscardHandler)}, config, all[i])
}
