package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/google/uuid"

	"passbook/internal/console"
	"passbook/internal/eventcodec"
	"passbook/readmodel"
)

type explainCommand struct {
	Account uuid.UUID `arg:"" help:"Id of the account."`
	After   int64     `default:"0" placeholder:"VERSION" help:"Begin behind this version; the opening is the balance after it."`
	Limit   int       `default:"50" help:"Show at most so many events."`
}

// Help is shown by --help.
func (explainCommand) Help() string {
	return `Opening, each event with actor, idempotency key and correlation id, running totals added up from the log; and where log and read
models agree, or first differ. Exit code 4: they differ.

Examples:
  projector explain 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e
  projector explain 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e --after 1000 --limit 200 --json`
}

// Run explains one page.
func (c explainCommand) Run(ctx context.Context, t *terminal) error {
	if c.After < 0 || c.Limit < 1 {
		return console.Usage(errors.New("--after must not be negative, --limit at least 1"))
	}
	pool, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	codec, err := eventcodec.New()
	if err != nil {
		return err
	}
	explained, _, err := readmodel.NewExplainer(pool, codec).Explain(ctx, c.Account, c.After, c.Limit)
	if err != nil {
		return err
	}
	if err := t.Result(explained, func(w io.Writer) error { return writeExplanation(w, &explained) }); err != nil {
		return err
	}
	if !explained.Agreement.Agrees {
		return console.Different(nil)
	}
	return nil
}

func writeExplanation(w io.Writer, e *readmodel.Explanation) error {
	fmt.Fprintf(w, "account %s of %s, amounts in minor units of %s\n\n", e.AccountID, e.OwnerID, e.Currency)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tPOSITION\tRECORDED\tTYPE\tAMOUNT\tBALANCE\tACTOR\tKEY\tCORRELATION\t")
	fmt.Fprintf(table, "%d\t\t\topening\t\t%s\t\t\t\t\n", e.Opening.Version, console.Count(e.Opening.Balance))
	for i := range e.Rows {
		row := &e.Rows[i]
		amount, note := "", row.Difference
		if row.Amount != nil {
			amount = console.Count(*row.Amount)
		}
		if !row.InReadModel && note == "" {
			note = "not applied yet"
		}
		fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.Version, row.Position, moment(row.RecordedAt), row.Type, amount,
			console.Count(row.Balance), row.Actor, row.IdempotencyKey, row.CorrelationID, note)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if e.More {
		fmt.Fprintf(w, "... go on with --after %d\n", e.Rows[len(e.Rows)-1].Version)
	}
	a := &e.Agreement
	fmt.Fprintf(w, "\nall of it  %s in, %s out, %s movements: %s\n", console.Count(e.Totals.In), console.Count(e.Totals.Out), console.Count(e.Totals.Movements), console.Count(e.Totals.Balance))
	fmt.Fprintf(w, "log        %s at version %d\n", console.Count(a.LogBalance), a.LogVersion)
	fmt.Fprintf(w, "balances   %s at version %d, through event %s\n", console.Count(a.BalancesBalance), a.BalancesVersion, console.Count(a.BalancesThrough))
	fmt.Fprintf(w, "timeline   %s in %d rows, through event %s\n", console.Count(a.TimelineSum), a.TimelineRows, console.Count(a.TimelineThrough))
	switch {
	case a.Agrees:
		fmt.Fprintln(w, "log and read models agree")
	case a.FirstVersion > 0:
		fmt.Fprintf(w, "THEY DIFFER, first at version %d, event %s: %s\n", a.FirstVersion, console.Count(a.FirstPosition), a.Difference)
	default:
		fmt.Fprintf(w, "THEY DIFFER: %s\n", a.Difference)
	}
	return nil
}
