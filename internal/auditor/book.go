package auditor

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/payment"
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
	// begin, apply for each event, and close go through one stream of the type that the book is of.
	begin(id uuid.UUID)
	apply(ctx context.Context, p *posting) error
	close(ctx context.Context) error
	// end says that there should be no further row, finish what came out.
	end(ctx context.Context) error
	finish() ProjectionReport
}

// posting is an event that the auditor has entered into its own books. ledger and row are of accounts.
type posting struct {
	*eventstore.Event
	payload any
	ledger  *ledger
	row     *timelineRow // what the event did
}

// books lists how to make all of them, in the order in which they are reported.
var books = []struct {
	name   string
	stream string // the type of streams it is made of
	open   func(found *differences) book
}{
	{CheckBalances, account.StreamType, newBalancesBook},
	{CheckTimeline, account.StreamType, newTimelineBook},
	{CheckOwners, account.StreamType, newOwnersBook},
	{CheckHolds, account.StreamType, newHoldsBook},
	{CheckPayments, payment.StreamType, newPaymentsBook},
	{CheckApprovals, approval.StreamType, newApprovalsBook},
}

// Projections names what can be verified.
func Projections() (names []string) {
	for _, b := range books {
		names = append(names, b.name)
	}
	return names
}
