package auditor

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
)

// book is one projection's expected rows, held against its table. Each has a file of its own: its row, its statements, and what
// an event does to it.
type book interface {
	// report is what is told of it, and what the projection has set aside.
	report() (*ProjectionReport, aside)
	// lock keeps the table where it is; open reads it.
	lock(ctx context.Context, tx pgx.Tx) error
	open(ctx context.Context, tx pgx.Tx, within *Range) error
	// begin, apply for each event, and close go through one account. The ledger has entered the event, row is what it did.
	begin(id uuid.UUID)
	apply(ctx context.Context, l *ledger, e *eventstore.Event, payload any, row *timelineRow) error
	close(ctx context.Context) error
	// end says that there should be no further row, finish what came out.
	end(ctx context.Context) error
	finish() ProjectionReport
}

// books lists how to make all of them, in the order in which they are reported.
var books = []struct {
	name string
	open func(found *differences) book
}{
	{CheckBalances, newBalancesBook},
	{CheckTimeline, newTimelineBook},
	{CheckOwners, newOwnersBook},
}

// Projections names what can be verified.
func Projections() (names []string) {
	for _, b := range books {
		names = append(names, b.name)
	}
	return names
}
