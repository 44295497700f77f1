package readmodel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/readmodel/internal/db"
)

// Explainer explains balances. It adds up the log by itself, event by event, and holds the result against what the events claim
// and what the read models show.
type Explainer struct {
	pool    *pgxpool.Pool
	decoder Decoder
}

// NewExplainer returns an explainer behind the pool, for which the role passbook_query is enough.
func NewExplainer(pool *pgxpool.Pool, decoder Decoder) *Explainer { return &Explainer{pool, decoder} }

// Explanation is a page of an account's events with running totals, and where log and read models agree.
type Explanation struct {
	AccountID uuid.UUID       `json:"account_id"`
	OwnerID   string          `json:"owner_id"`
	Currency  string          `json:"currency"`
	Opening   Opening         `json:"opening"`
	Rows      []ExplainedRow  `json:"data"`
	More      bool            `json:"has_more"`
	Totals    ExplainedTotals `json:"totals"`
	Agreement Agreement       `json:"agreement"`
}

// Opening is what the page begins with: the balance after the event before it.
type Opening struct {
	Version int64 `json:"version"`
	Balance int64 `json:"balance"`
}

// ExplainedRow is one event. Balance is the running total: the opening and every amount since.
type ExplainedRow struct {
	Version        int64      `json:"version"`
	Position       int64      `json:"position"`
	EventID        uuid.UUID  `json:"event_id"`
	TransactionID  *uuid.UUID `json:"transaction_id,omitempty"`
	Type           string     `json:"type"`
	Amount         *int64     `json:"amount,omitempty"` // signed; nil where no money moved
	Balance        int64      `json:"balance"`
	Actor          string     `json:"actor,omitempty"`
	IdempotencyKey string     `json:"idempotency_key,omitempty"`
	CorrelationID  string     `json:"correlation_id,omitempty"`
	EffectiveAt    time.Time  `json:"effective_at"`
	RecordedAt     time.Time  `json:"recorded_at"`
	InReadModel    bool       `json:"in_read_model"`        // the timeline shows it
	Difference     string     `json:"difference,omitempty"` // between the running total, the event and the timeline
}

// ExplainedTotals are of the whole account, as far as the timeline has come.
type ExplainedTotals struct {
	In        int64 `json:"in"`
	Out       int64 `json:"out"`
	Movements int64 `json:"movements"`
	Balance   int64 `json:"balance"` // In less Out
}

// Agreement is the outcome of comparing the account's log with its rows, each up to the checkpoint of its projection. The page is
// compared row by row; of the rest the versions, the sum of all amounts and the balance; and when one of these differs, every
// row, to find the first.
type Agreement struct {
	Agrees          bool   `json:"agrees"`
	LogVersion      int64  `json:"log_version"`      // the account's last event
	LogBalance      int64  `json:"log_balance"`      // what its last movement says
	BalancesVersion int64  `json:"balances_version"` // of the row in balances
	BalancesBalance int64  `json:"balances_balance"`
	TimelineRows    int64  `json:"timeline_rows"`
	TimelineSum     int64  `json:"timeline_sum"` // of all amounts in the timeline
	BalancesThrough int64  `json:"balances_through"`
	TimelineThrough int64  `json:"timeline_through"`           // log positions of the checkpoints
	FirstVersion    int64  `json:"first_difference_version"`   // 0 when they agree, or it cannot be told
	FirstPosition   int64  `json:"first_difference_position"`  // likewise
	Difference      string `json:"first_difference,omitempty"` // what it is
}

// explaining is one explanation under way, in one snapshot of the database.
type explaining struct {
	q    *db.Queries
	ends db.ExplainEndsRow
	out  Explanation
}

// Explain returns up to limit events of the account after a version. ErrNotFound: there is no such account.
func (x *Explainer) Explain(ctx context.Context, id uuid.UUID, afterVersion int64, limit int) (Explanation, Freshness, error) {
	e := &explaining{out: Explanation{AccountID: id}}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, x.pool, snapshot, func(tx pgx.Tx) error {
		e.q = db.New(tx)
		return e.run(ctx, x.decoder, afterVersion, limit)
	})
	if err != nil {
		return Explanation{}, Freshness{}, notFound("account", id, err)
	}
	return e.out, Freshness{Position: min(e.ends.BalancesPosition, e.ends.TimelinePosition)}, nil
}

func (e *explaining) run(ctx context.Context, decoder Decoder, after int64, limit int) error {
	var err error
	if e.ends, err = e.q.ExplainEnds(ctx, e.out.AccountID); err != nil {
		return err
	}
	if e.ends.LogVersion == 0 {
		return pgx.ErrNoRows
	}
	e.out.OwnerID, e.out.Currency = e.ends.OwnerID, e.ends.Currency
	opening, err := e.logBalance(ctx, after)
	if err != nil {
		return err
	}
	e.out.Opening = Opening{after, opening}
	if err := e.page(ctx, decoder, limit); err != nil {
		return err
	}
	return e.agree(ctx)
}

// logBalance is what the log says after a version: zero before the first movement.
func (e *explaining) logBalance(ctx context.Context, version int64) (int64, error) {
	row, err := e.q.LogBalance(ctx, db.LogBalanceParams{AccountID: e.out.AccountID, Version: version})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return row.Balance, err
}

func (e *explaining) page(ctx context.Context, decoder Decoder, limit int) error {
	arg := db.ExplainPageParams{AccountID: e.out.AccountID, AfterVersion: e.out.Opening.Version, RowLimit: pageLimit(limit)}
	rows, err := e.q.ExplainPage(ctx, arg)
	if err != nil {
		return err
	}
	rows, e.out.More = page(rows, arg.RowLimit)
	e.out.Rows = make([]ExplainedRow, len(rows))
	running := e.out.Opening.Balance
	for i := range rows {
		if e.out.Rows[i], err = explainRow(&rows[i], decoder, running, rows[i].Position <= e.ends.TimelinePosition); err != nil {
			return err
		}
		running = e.out.Rows[i].Balance
	}
	return nil
}

// explainRow adds one event to the running total.
func explainRow(row *db.ExplainPageRow, decoder Decoder, running int64, due bool) (ExplainedRow, error) {
	event := Event{Event: eventstore.Event{
		Position: row.Position, ID: row.EventID, StreamType: row.StreamType, StreamID: row.StreamID, Version: row.Version,
		Type: row.Type, Schema: int(row.Schema), Data: row.Data, Metadata: row.Metadata,
	}}
	var err error
	if event.Payload, err = decoder.Payload(event.Event); err != nil {
		return ExplainedRow{}, err
	}
	metadata, err := event.DecodeMetadata()
	if err != nil {
		return ExplainedRow{}, err
	}
	claims := end{balance: running}
	what, err := claims.next(&event)
	if err != nil {
		return ExplainedRow{}, err
	}
	out := ExplainedRow{
		Version: row.Version, Position: row.Position, EventID: row.EventID, Type: what.kind, Balance: running + what.amount, Actor: metadata.Actor,
		IdempotencyKey: metadata.IdempotencyKey, CorrelationID: metadata.CorrelationID, EffectiveAt: row.EffectiveAt.UTC(),
		RecordedAt: row.RecordedAt.UTC(), InReadModel: row.Shown,
	}
	if what.moved {
		out.TransactionID, out.Amount = &what.transactionID, &what.amount
	}
	out.Difference = difference(row, &out, claims.balance, due)
	return out, nil
}

func difference(row *db.ExplainPageRow, out *ExplainedRow, claimed int64, due bool) string {
	switch {
	case claimed != out.Balance:
		return fmt.Sprintf("the event says %d, the sum is %d", claimed, out.Balance)
	case !row.Shown && due:
		return "the timeline has no row for it"
	case !row.Shown:
		return ""
	case !row.SameEvent:
		return "the timeline has another event at this position"
	case row.ShownBalance != out.Balance:
		return fmt.Sprintf("the timeline says %d, the sum is %d", row.ShownBalance, out.Balance)
	case out.Amount != nil && row.ShownAmount != *out.Amount:
		return fmt.Sprintf("the timeline says that %d moved, the event %d", row.ShownAmount, *out.Amount)
	}
	return ""
}

// agree compares the whole account.
func (e *explaining) agree(ctx context.Context) error {
	totals, err := e.q.TimelineTotals(ctx, e.out.AccountID)
	if err != nil {
		return err
	}
	e.out.Totals = ExplainedTotals{In: totals.MoneyIn, Out: totals.MoneyOut, Movements: totals.Movements, Balance: totals.MoneyIn - totals.MoneyOut}
	a := &e.out.Agreement
	*a = Agreement{
		LogVersion: e.ends.LogVersion, BalancesVersion: e.ends.BalancesVersion, BalancesBalance: e.ends.BalancesBalance,
		BalancesThrough: e.ends.BalancesPosition, TimelineThrough: e.ends.TimelinePosition,
		TimelineRows: totals.Rows, TimelineSum: e.out.Totals.Balance,
	}
	if a.LogBalance, err = e.logBalance(ctx, e.ends.LogVersion); err != nil {
		return err
	}
	if err := e.compareEnds(ctx); err != nil {
		return err
	}
	for i := range e.out.Rows {
		if row := &e.out.Rows[i]; row.Difference != "" && (a.FirstVersion == 0 || row.Version < a.FirstVersion) {
			a.FirstVersion, a.FirstPosition, a.Difference = row.Version, row.Position, row.Difference
			break
		}
	}
	a.Agrees = a.Difference == ""
	return nil
}

// compareEnds holds the row in balances and the sum of the timeline against the log, each at its own checkpoint.
func (e *explaining) compareEnds(ctx context.Context) error {
	a := &e.out.Agreement
	atBalances, err := e.logBalance(ctx, e.ends.LogVersionAtBalances)
	if err != nil {
		return err
	}
	atTimeline, err := e.logBalance(ctx, e.ends.LogVersionAtTimeline)
	if err != nil {
		return err
	}
	if a.TimelineRows != e.ends.LogVersionAtTimeline || a.TimelineSum != atTimeline {
		a.Difference = fmt.Sprintf("the timeline has %d rows that sum up to %d, the log %d events and %d", a.TimelineRows, a.TimelineSum, e.ends.LogVersionAtTimeline, atTimeline)
		return e.findFirst(ctx)
	}
	if a.BalancesVersion != e.ends.LogVersionAtBalances || a.BalancesBalance != atBalances {
		a.Difference = fmt.Sprintf("balances says %d at version %d, the log %d at version %d", a.BalancesBalance, a.BalancesVersion, atBalances, e.ends.LogVersionAtBalances)
	}
	return nil
}

// findFirst walks over the account, which is only done when something is known to differ.
func (e *explaining) findFirst(ctx context.Context) error {
	first, err := e.q.FirstTimelineDifference(ctx, db.FirstTimelineDifferenceParams{AccountID: e.out.AccountID, Checkpoint: e.ends.TimelinePosition})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // an amount differs, no balance: the page that has it shows it
	}
	if err != nil {
		return err
	}
	a := &e.out.Agreement
	a.FirstVersion, a.FirstPosition = first.Version, first.Position
	switch {
	case first.OnlyShown:
		a.Difference = "the timeline has a row for an event that the log does not have"
	case first.Missing:
		a.Difference = "the timeline has no row for the event"
	case !first.SameEvent:
		a.Difference = "the timeline has another event at this position"
	default:
		a.Difference = fmt.Sprintf("the timeline says %d, the event %d", first.Shown, first.Logged)
	}
	return nil
}
