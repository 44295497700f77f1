package readmodel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/readmodel/internal/pgcopy"
)

// Statuses of a hold. One that was captured in part is still placed.
const (
	HoldPlaced   = "placed"
	HoldCaptured = "captured"
	HoldReleased = "released"
	HoldExpired  = "expired"
)

// holdsProjector keeps one row a hold: what is still held of it, and how it ended.
func holdsProjector() Projector {
	return Project(Projector{
		Name: Holds, Version: 1, Tables: []string{"holds"},
		Types: []string{"hold.placed", "hold.captured", "hold.released", "hold.extended", "hold.expired"},
	}, Definition[holds]{
		Load: loadHolds, Apply: applyHold, Store: storeHolds, CopyAdded: copyHolds, CopyStates: copyHolds, Row: holdRows, Finish: finishHolds,
	})
}

// holds is the state of an account: the holds on it that are open, and those that have ended and are not written yet.
type holds []hold

// hold is a row of the table.
type hold struct {
	id, accountID, paymentID              uuid.UUID // paymentID is zero for none
	amount, captured, remaining, released int64
	version, position                     int64
	placedAt, updatedAt, expiresAt        time.Time // expiresAt is zero for never
	status, currency, reference, reason   string
	metadata                              []byte // JSON object, nil for none
	changed                               bool   // since it was loaded
}

// applyHold assigns what the event says of its hold.
func applyHold(all *holds, e *Event, _ *pgcopy.Rows) error {
	if p, places := e.Payload.(account.HoldPlaced); places {
		return all.place(p, e)
	}
	switch p := e.Payload.(type) {
	case account.HoldCaptured:
		return all.change(p.HoldID, e, func(h *hold) {
			h.captured, h.remaining, h.released = h.captured+int64(p.Amount), int64(p.Remaining), h.released+int64(p.Released)
			if p.Remaining == 0 {
				h.status = HoldCaptured
			}
		})
	case account.HoldReleased:
		return all.change(p.HoldID, e, func(h *hold) {
			h.remaining, h.released, h.status, h.reason = 0, h.released+int64(p.Amount), HoldReleased, p.Reason
		})
	case account.HoldExpired:
		return all.change(p.HoldID, e, func(h *hold) {
			h.remaining, h.released, h.status = 0, h.released+int64(p.Amount), HoldExpired
		})
	case account.HoldExtended:
		return all.change(p.HoldID, e, func(h *hold) { h.expiresAt = p.ExpiresAt })
	default:
		panic(unknownPayload(e))
	}
}

// Both make a new slice: what an event has changed is taken back with the slice when the event cannot be applied.

func (all *holds) place(p account.HoldPlaced, e *Event) error {
	if slices.ContainsFunc(*all, func(h hold) bool { return h.id == p.HoldID }) {
		return fmt.Errorf("hold %s was placed before", p.HoldID)
	}
	h := hold{
		id: p.HoldID, accountID: e.StreamID, paymentID: p.PaymentID, amount: int64(p.Amount), remaining: int64(p.Amount),
		version: e.Version, position: e.Position, placedAt: e.RecordedAt, updatedAt: e.RecordedAt, expiresAt: p.ExpiresAt,
		status: HoldPlaced, currency: p.Currency.Code(), reference: p.Reference, changed: true,
	}
	if len(p.Metadata) > 0 {
		var err error
		if h.metadata, err = encodeMetadata(p.Metadata); err != nil {
			return err
		}
	}
	*all = append(slices.Clip(*all), h)
	return nil
}

func (all *holds) change(id uuid.UUID, e *Event, assign func(h *hold)) error {
	i := slices.IndexFunc(*all, func(h hold) bool { return h.id == id && h.status == HoldPlaced })
	if i < 0 {
		return fmt.Errorf("no hold %s is open on the account", id)
	}
	changed := slices.Clone(*all)
	h := &changed[i]
	assign(h)
	h.version, h.position, h.updatedAt, h.changed = e.Version, e.Position, e.RecordedAt, true
	*all = changed
	return nil
}

// finishHolds adds the rows of holds that have ended, for good, and forgets them.
func finishHolds(all *holds, rows *pgcopy.Rows) {
	open := (*all)[:0]
	for i := range *all {
		if h := &(*all)[i]; h.status == HoldPlaced {
			open = append(open, *h)
		} else {
			h.row(rows)
		}
	}
	*all = open
}

// loadHoldsSQL by hand: sqlc knows no search path. A row for each open hold of the accounts, or one without a hold; the version is that
// of the account's last event in any of its rows.
const loadHoldsSQL = `
SELECT account.id, last.version, h.hold_id, h.payment_id, h.amount, h.captured, h.released, h.position, h.placed_at, h.updated_at,
    h.expires_at, h.version, h.currency, h.reference, h.metadata
FROM unnest($1::uuid[]) AS account(id)
CROSS JOIN LATERAL (
    SELECT l.version FROM holds l WHERE l.account_id = account.id ORDER BY l.version DESC LIMIT 1
) AS last
LEFT JOIN holds h ON h.account_id = account.id AND h.status = 'placed'
ORDER BY account.id, h.hold_id`

func loadHolds(ctx context.Context, tx pgx.Tx, accounts [][16]byte, found func(uuid.UUID, int64, holds)) error {
	rows, err := tx.Query(ctx, loadHoldsSQL, accounts)
	if err != nil {
		return fmt.Errorf("load holds: %w", err)
	}
	defer rows.Close()
	var of uuid.UUID
	var last int64
	var open holds
	for rows.Next() {
		var next uuid.UUID
		var version int64
		var h storedHold
		err := rows.Scan((*[16]byte)(&next), &version, &h.id, &h.paymentID, &h.amount, &h.captured, &h.released, &h.position,
			&h.placedAt, &h.updatedAt, &h.expiresAt, &h.version, &h.currency, &h.reference, &h.metadata)
		if err != nil {
			return fmt.Errorf("load holds: %w", err)
		}
		if next != of && last > 0 {
			found(of, last, open)
			open = nil
		}
		of, last = next, version
		if h.id != nil {
			open = append(open, h.open(of))
		}
	}
	if last > 0 {
		found(of, last, open)
	}
	return rows.Err()
}

// storedHold is a row of an open hold, or of none.
type storedHold struct {
	id, paymentID                                 *[16]byte
	amount, captured, released, version, position *int64
	placedAt, updatedAt, expiresAt                *time.Time
	currency, reference                           *string
	metadata                                      []byte
}

func (s *storedHold) open(of uuid.UUID) hold {
	h := hold{
		id: *s.id, accountID: of, amount: *s.amount, captured: *s.captured, released: *s.released, remaining: *s.amount - *s.captured - *s.released,
		version: *s.version, position: *s.position, placedAt: *s.placedAt, updatedAt: *s.updatedAt,
		status: HoldPlaced, currency: *s.currency, reference: *s.reference, metadata: s.metadata,
	}
	if s.paymentID != nil {
		h.paymentID = *s.paymentID
	}
	if s.expiresAt != nil {
		h.expiresAt = *s.expiresAt
	}
	return h
}

const upsertHoldsSQL = `
INSERT INTO holds AS h (hold_id, account_id, payment_id, amount, captured, remaining, released, version, position,
    placed_at, updated_at, expires_at, status, currency, reference, reason, metadata)
SELECT hold_id, account_id, payment_id, amount, captured, remaining, released, version, position,
    placed_at, updated_at, expires_at, status, currency, reference, reason, nullif(metadata, '')::json
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[])
    AS r(hold_id, account_id, payment_id, amount, captured, remaining, released, version, position,
    placed_at, updated_at, expires_at, status, currency, reference, reason, metadata)
ON CONFLICT (hold_id) DO UPDATE SET
    captured = excluded.captured, remaining = excluded.remaining, released = excluded.released, version = excluded.version,
    position = excluded.position, updated_at = excluded.updated_at, expires_at = excluded.expires_at, status = excluded.status, reason = excluded.reason
WHERE h.account_id = excluded.account_id AND h.version < excluded.version`

func storeHolds(ctx context.Context, tx pgx.Tx, states []*holds) error {
	var c holdColumns
	for _, all := range states {
		for i := range *all {
			if h := &(*all)[i]; h.changed {
				c.add(h)
			}
		}
	}
	tag, err := tx.Exec(ctx, upsertHoldsSQL, c.ids, c.accounts, c.payments, c.amounts, c.captured, c.remaining, c.released, c.versions, c.positions,
		c.placedAts, c.updatedAts, c.expiresAts, c.statuses, c.currencies, c.references, c.reasons, c.metadatas)
	if err != nil {
		return fmt.Errorf("write holds: %w", err)
	}
	if written := tag.RowsAffected(); written != int64(len(c.ids)) {
		return fmt.Errorf("write holds: %d of %d rows were older than their events", written, len(c.ids))
	}
	return nil
}

const copyHolds = `COPY holds (hold_id, account_id, payment_id, amount, captured, remaining, released, version, position,
    placed_at, updated_at, expires_at, status, currency, reference, reason, metadata) FROM STDIN (FORMAT binary)`

func holdRows(all *holds, rows *pgcopy.Rows) {
	for i := range *all {
		(*all)[i].row(rows)
	}
}

// row adds the columns in the order of the statement.
func (h *hold) row(rows *pgcopy.Rows) {
	rows.Row(17)
	rows.UUID(h.id)
	rows.UUID(h.accountID)
	rows.OptionalUUID(h.paymentID)
	for _, n := range [...]int64{h.amount, h.captured, h.remaining, h.released, h.version, h.position} {
		rows.Int64(n)
	}
	rows.Time(h.placedAt)
	rows.Time(h.updatedAt)
	rows.OptionalTime(h.expiresAt)
	for _, text := range [...]string{h.status, h.currency, h.reference, h.reason} {
		rows.Text(text)
	}
	rows.JSON(h.metadata)
}

// holdColumns are rows turned on their side: one array a column, as unnest wants them.
type holdColumns struct {
	ids, accounts                                               [][16]byte
	payments                                                    []*[16]byte
	amounts, captured, remaining, released, versions, positions []int64
	placedAts, updatedAts                                       []time.Time
	expiresAts                                                  []*time.Time
	statuses, currencies, references, reasons, metadatas        []string
}

func (c *holdColumns) add(h *hold) {
	c.ids, c.accounts, c.payments = append(c.ids, h.id), append(c.accounts, h.accountID), append(c.payments, orNull((*[16]byte)(&h.paymentID)))
	c.amounts, c.captured, c.remaining = append(c.amounts, h.amount), append(c.captured, h.captured), append(c.remaining, h.remaining)
	c.released, c.versions, c.positions = append(c.released, h.released), append(c.versions, h.version), append(c.positions, h.position)
	c.placedAts, c.updatedAts, c.expiresAts = append(c.placedAts, h.placedAt), append(c.updatedAts, h.updatedAt), append(c.expiresAts, orNull(&h.expiresAt))
	c.statuses, c.currencies = append(c.statuses, h.status), append(c.currencies, h.currency)
	c.references, c.reasons, c.metadatas = append(c.references, h.reference), append(c.reasons, h.reason), append(c.metadatas, string(h.metadata))
}

// orNull is nil for a zero value.
func orNull[T comparable](value *T) *T {
	if *value == *new(T) {
		return nil
	}
	return value
}
