package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel/internal/db"
)

// News is an event of an account as it is told to those who listen: its row of the timeline, once the projections that are read
// about accounts have come past it.
type News struct {
	TimelineRow
	OwnerID     string          // of the account; "" while its first event is withheld
	LogMetadata json.RawMessage // who caused it, from where, by which program: for auditors
	// Withheld says that the timeline has no row of the event: its account was parked in front of it, or an operator passed it
	// over. The row is then all that the log says without reading the payload: account, position, version, id and times.
	Withheld bool
}

// NewsFilter picks the accounts that are told of: the one with the id, else those of the owner, else all.
type NewsFilter struct {
	AccountID uuid.UUID
	OwnerID   string
}

// Picks reports whether the news are of an account that is told of.
func (f NewsFilter) Picks(n *News) bool {
	switch {
	case f.AccountID != uuid.Nil:
		return n.AccountID == f.AccountID
	case f.OwnerID != "":
		return n.OwnerID == f.OwnerID
	}
	return true
}

// NewsPage is a part of the log, in order.
type NewsPage struct {
	News    []News
	Through int64 // everything that the filter picks up to here was told
	Reached int64 // how far the projections are
	Head    int64 // of the log
}

// NewsProjections are those that an event has passed before it is told: who reads an account, its timeline or its holds after
// that, sees it.
var NewsProjections = []string{Balances, Timeline, Holds}

// NewsPageMax is how many events a page has at most. The statements know it, too.
const NewsPageMax = 500

// The statements of News. They are composed of constants, since they differ in where they look for the events alone. What is joined
// is found one by one, by index: the limits keep the planner from any other way, which it would choose for a page whose length it
// does not know. Positions, rows and owner are of one snapshot, so that a row that is missing is missing from the generation that
// has passed its event.
const (
	newsReached = `
WITH reached AS MATERIALIZED (
    SELECT coalesce(CASE WHEN count(*) = cardinality($1::text[]) THEN min(c.position) END, 0)::bigint AS position
    FROM readmodel.checkpoints c WHERE c.live AND c.projection = ANY($1::text[])
)
SELECT reached.position, head.position,
       e.position, e.stream_id, e.version, e.event_id, e.effective_at, e.recorded_at, e.metadata, own.owner_id,
       t.transaction_id, t.type, t.amount, t.currency, t.balance, t.held, t.reference, t.detail, t.metadata,
       t.held_change, t.counterparty_id, t.hold_id, t.reverses_id, t.payment_id
FROM reached JOIN log_head head ON head.only_row
LEFT JOIN LATERAL (`

	newsColumns = `SELECT e.position, e.stream_id, e.version, e.event_id, e.effective_at, e.recorded_at, e.metadata FROM events e `

	newsJoined = `
) AS e ON true
LEFT JOIN LATERAL (
    SELECT r.* FROM readmodel.timeline r WHERE r.account_id = e.stream_id AND r.position = e.position LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (SELECT b.owner_id FROM readmodel.balances b WHERE b.account_id = e.stream_id LIMIT 1) AS own ON true
ORDER BY e.position`

	newsOfAllSQL = newsReached + newsColumns + `
    WHERE e.position > $2 AND e.position <= reached.position AND e.stream_type = 'account'
    ORDER BY e.position LIMIT 500` + newsJoined

	// Of an account its own part of the log is read, from the version on that the timeline has at the position, which is that of the
	// event there unless the account is parked or events were passed over. A page is found among the next thousand versions, however many
	// there are. + 0 keeps the index of positions out of it, which would read everybody's.
	newsOfAccountSQL = newsReached + newsColumns + `
    WHERE e.stream_id = $3 AND e.stream_type = 'account' AND e.position + 0 > $2 AND e.position + 0 <= reached.position
      AND e.version > coalesce((SELECT p.version FROM readmodel.timeline p WHERE p.account_id = $3 AND p.position <= $2 ORDER BY p.position DESC LIMIT 1), 0)
      AND e.version <= 1000 + coalesce((
          SELECT 1000000000000 FROM readmodel.parked s JOIN readmodel.checkpoints c ON c.projection = s.projection AND c.generation = s.generation
          WHERE s.account_id = $3 AND s.projection = 'timeline' AND c.live LIMIT 1),
          (SELECT p.version FROM readmodel.timeline p WHERE p.account_id = $3 AND p.position <= $2 ORDER BY p.position DESC LIMIT 1), 0)
    ORDER BY e.version LIMIT 500` + newsJoined

	newsOfOwnerSQL = newsReached + `
    SELECT part.* FROM readmodel.balances mine CROSS JOIN LATERAL (` + newsColumns + `
        WHERE e.stream_id = mine.account_id AND e.stream_type = 'account' AND e.position + 0 > $2 AND e.position + 0 <= reached.position
          AND e.version > coalesce((SELECT p.version FROM readmodel.timeline p WHERE p.account_id = mine.account_id AND p.position <= $2 ORDER BY p.position DESC LIMIT 1), 0)
          AND e.version <= 1000 + coalesce((
              SELECT 1000000000000 FROM readmodel.parked s JOIN readmodel.checkpoints c ON c.projection = s.projection AND c.generation = s.generation
              WHERE s.account_id = mine.account_id AND s.projection = 'timeline' AND c.live LIMIT 1),
              (SELECT p.version FROM readmodel.timeline p WHERE p.account_id = mine.account_id AND p.position <= $2 ORDER BY p.position DESC LIMIT 1), 0)
        ORDER BY e.version LIMIT 500
    ) AS part
    WHERE mine.owner_id = $3 ORDER BY part.position LIMIT 500` + newsJoined
)

// News returns what is to be told after a position: a page at most, and how far it goes.
func (q *Queries) News(ctx context.Context, f NewsFilter, after int64) (NewsPage, error) {
	sql, args := newsOfAllSQL, []any{NewsProjections, after}
	switch {
	case f.AccountID != uuid.Nil:
		sql, args = newsOfAccountSQL, append(args, f.AccountID)
	case f.OwnerID != "":
		sql, args = newsOfOwnerSQL, append(args, f.OwnerID)
	}
	page := NewsPage{Through: after}
	rows, err := q.pool.Query(ctx, sql, args...)
	if err != nil {
		return page, fmt.Errorf("read the news after %d: %w", after, err)
	}
	defer rows.Close()
	for rows.Next() {
		var found newsRow
		if err := rows.Scan(found.columns(&page)...); err != nil {
			return page, fmt.Errorf("read the news after %d: %w", after, err)
		}
		if found.position == nil {
			continue // there is none
		}
		n, err := found.news()
		if err != nil {
			return page, err
		}
		page.News = append(page.News, n)
	}
	if err := rows.Err(); err != nil {
		return page, fmt.Errorf("read the news after %d: %w", after, err)
	}
	page.Through = max(after, page.Reached)
	if len(page.News) == NewsPageMax {
		page.Through = page.News[NewsPageMax-1].Position
	}
	return page, nil
}

// Reached returns how far the projections are that news wait for, and the head of the log.
func (q *Queries) Reached(ctx context.Context) (reached, head int64, err error) {
	page, err := q.News(ctx, NewsFilter{}, math.MaxInt64)
	return page.Reached, page.Head, err
}

// newsRow is a row of the statements. Everything is null where there is no event, and what is of the timeline where it has no row.
type newsRow struct {
	position, version       *int64
	streamID, eventID       *uuid.UUID
	effectiveAt, recordedAt *time.Time
	logMetadata             []byte
	ownerID                 *string

	kind, currency, reference, detail *string
	balance, held                     *int64
	row                               db.ReadmodelTimeline
}

func (r *newsRow) columns(page *NewsPage) []any {
	return []any{
		&page.Reached, &page.Head,
		&r.position, &r.streamID, &r.version, &r.eventID, &r.effectiveAt, &r.recordedAt, &r.logMetadata, &r.ownerID,
		&r.row.TransactionID, &r.kind, &r.row.Amount, &r.currency, &r.balance, &r.held, &r.reference, &r.detail, &r.row.Metadata,
		&r.row.HeldChange, &r.row.CounterpartyID, &r.row.HoldID, &r.row.ReversesID, &r.row.PaymentID,
	}
}

func (r *newsRow) news() (News, error) {
	row := &r.row
	row.AccountID, row.Position, row.Version, row.EventID = *r.streamID, *r.position, *r.version, *r.eventID
	row.EffectiveAt, row.RecordedAt = *r.effectiveAt, *r.recordedAt
	n := News{LogMetadata: r.logMetadata, Withheld: r.kind == nil}
	if r.ownerID != nil {
		n.OwnerID = *r.ownerID
	}
	if !n.Withheld {
		row.Type, row.Currency, row.Balance, row.Held, row.Reference, row.Detail = *r.kind, *r.currency, *r.balance, *r.held, *r.reference, *r.detail
	}
	var err error
	n.TimelineRow, err = newTimelineRow(*row)
	return n, err
}
