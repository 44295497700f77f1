// Package queryapi is the HTTP side of the read models. It knows nothing of commands and cannot change anything.
//
// The server's types and routes are generated from api/query.yaml. What all requests have in common is examined in package
// httpapi before a handler runs. Left to this package: event streams, waiting for a demanded position, cursors, intervals, the rule that a
// customer sees accounts of its own alone, and the form of the answers.
package queryapi

import (
	"context"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/eventstore"
	"passbook/httpapi"
	"passbook/internal/denials"
	"passbook/readmodel"
)

//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -config oapi-codegen.yaml ../../api/query.yaml

// Reads answers the questions; see readmodel.Queries and readmodel.Explainer.
type Reads interface {
	Accounts
	History
	Movements
	Books
	Directory
	Machinery
	Explanations
	Trail
	Webhooks
}

// Accounts answers what accounts are now.
type Accounts interface {
	Account(ctx context.Context, id uuid.UUID) (readmodel.Account, readmodel.Freshness, error)
	Accounts(ctx context.Context, filter readmodel.AccountFilter) (items []readmodel.Account, more bool, fresh readmodel.Freshness, err error)
}

// History answers what accounts were and what happened to them.
type History interface {
	BalanceAt(ctx context.Context, id uuid.UUID, at time.Time, basis readmodel.Basis) (readmodel.BalanceAt, readmodel.Freshness, error)
	DailyBalances(ctx context.Context, id uuid.UUID, from, to time.Time, basis readmodel.Basis) (days []readmodel.DayBalance, currency string, fresh readmodel.Freshness, err error)
	Timeline(ctx context.Context, filter readmodel.TimelineFilter) (rows []readmodel.TimelineRow, more bool, fresh readmodel.Freshness, err error)
	Events(ctx context.Context, id uuid.UUID, afterVersion int64, limit int) (events []eventstore.Event, more bool, err error)
}

// Movements answers what one movement was, what is set aside, how far payments are, and what waits for a second person.
type Movements interface {
	Transaction(ctx context.Context, id uuid.UUID) (readmodel.Transaction, readmodel.Freshness, error)
	Hold(ctx context.Context, id uuid.UUID) (readmodel.Hold, readmodel.Freshness, error)
	HoldsOf(ctx context.Context, filter readmodel.HoldFilter) (holds []readmodel.Hold, more bool, fresh readmodel.Freshness, err error)
	Payment(ctx context.Context, id uuid.UUID) (readmodel.Payment, readmodel.Freshness, error)
	Payments(ctx context.Context, filter readmodel.PaymentFilter) (payments []readmodel.Payment, more bool, fresh readmodel.Freshness, err error)
	Approval(ctx context.Context, id uuid.UUID) (readmodel.Approval, readmodel.Freshness, error)
	Approvals(ctx context.Context, filter readmodel.ApprovalFilter) (approvals []readmodel.Approval, more bool, fresh readmodel.Freshness, err error)
}

// Books answers what the whole bank comes to.
type Books interface {
	TrialBalance(ctx context.Context, at *time.Time) (readmodel.TrialBalance, readmodel.Freshness, error)
}

// Directory answers whose accounts are whose.
type Directory interface {
	Owner(ctx context.Context, id string) (readmodel.Owner, readmodel.Freshness, error)
	Owners(ctx context.Context, filter readmodel.OwnerFilter) (owners []readmodel.Owner, more bool, fresh readmodel.Freshness, err error)
}

// Machinery answers how far the read models are.
type Machinery interface {
	Status(ctx context.Context, wanted ...string) (readmodel.Status, error)
	WaitFor(ctx context.Context, position int64, projections ...string) (readmodel.Freshness, error)
}

// Explanations answers what a balance is made of; see readmodel.Explainer.
type Explanations interface {
	Explain(ctx context.Context, id uuid.UUID, afterVersion int64, limit int) (readmodel.Explanation, readmodel.Freshness, error)
}

// Trail answers what was asked and not granted; see denials.Reader.
type Trail interface {
	Denials(ctx context.Context, filter denials.Filter) (rows []denials.Row, more bool, err error)
}

// New makes the server of the query API.
func New(cfg httpapi.Config, reads Reads, streams Streams) (*httpapi.Server, error) {
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = httpapi.WaitMax + 10*time.Second
	}
	streams.setDefaults()
	h := &handlers{reads: reads, now: time.Now, streams: streams}
	return httpapi.NewServer("query", cfg, api.Query, func(r *httpapi.Routes) {
		RegisterHandlers(r, NewStrictHandler(h, nil))
		r.HandleWithin(httpapi.Limits{Endless: true}, streamRoute, h.Stream)
	})
}
