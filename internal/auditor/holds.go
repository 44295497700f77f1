package auditor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/eventstore"
)

const selectHolds = `SELECT hold_id, account_id, payment_id, amount, captured, remaining, released, version, position,
    placed_at, updated_at, expires_at, status, currency, reference, reason, metadata FROM holds`

var holdsSQL = tableSQL{
	lock:    `LOCK TABLE holds IN ACCESS SHARE MODE`,
	declare: `DECLARE audited_holds NO SCROLL CURSOR FOR ` + selectHolds + ` ORDER BY account_id, hold_id`,
	within:  `DECLARE audited_holds NO SCROLL CURSOR FOR ` + selectHolds + ` WHERE account_id > $1 AND account_id <= $2 ORDER BY account_id, hold_id`,
	fetch:   `FETCH FORWARD 2000 FROM audited_holds`,
}

// holdRow is what readmodel.holds should say, or says.
type holdRow struct {
	HoldID, AccountID, PaymentID          uuid.UUID // PaymentID is Nil for none
	Amount, Captured, Remaining, Released int64
	Version, Position                     int64
	PlacedAt, UpdatedAt, ExpiresAt        time.Time // ExpiresAt is zero for never
	Status, Currency, Reference, Reason   string
	Metadata                              string // canonical JSON
}

func scanHold(rows pgx.Rows, h *holdRow) error {
	var payment *[16]byte
	var expires *time.Time
	var metadata []byte
	err := rows.Scan((*[16]byte)(&h.HoldID), (*[16]byte)(&h.AccountID), &payment, &h.Amount, &h.Captured, &h.Remaining, &h.Released,
		&h.Version, &h.Position, &h.PlacedAt, &h.UpdatedAt, &expires, &h.Status, &h.Currency, &h.Reference, &h.Reason, &metadata)
	if err != nil {
		return err
	}
	h.PaymentID = orNil(payment)
	h.PlacedAt, h.UpdatedAt = h.PlacedAt.UTC(), h.UpdatedAt.UTC()
	if expires != nil {
		h.ExpiresAt = expires.UTC()
	}
	h.Metadata, err = canonical(metadata)
	return err
}

// canonical appends the row as its hash sees it: see docs/operations.md.
func (h *holdRow) canonical(to *canonicalRow) {
	to.text(h.AccountID.String(), h.HoldID.String())
	to.ids(h.PaymentID)
	to.numbers(h.Amount, h.Captured, h.Remaining, h.Released, h.Version, h.Position)
	to.times(h.PlacedAt, h.UpdatedAt)
	if h.ExpiresAt.IsZero() {
		to.null()
	} else {
		to.times(h.ExpiresAt)
	}
	to.text(h.Status, h.Currency, h.Reference, h.Reason)
	to.object(h.Metadata)
}

// holdBook is holds of one account by their ids.
type holdBook map[uuid.UUID]*holdRow

// isHold reports whether an event is about a hold.
func isHold(payload any) bool {
	switch payload.(type) {
	case account.HoldPlaced, account.HoldCaptured, account.HoldReleased, account.HoldExtended, account.HoldExpired:
		return true
	}
	return false
}

// enter does to the hold what the event says, and returns what cannot be about it; "" when nothing.
func (b holdBook) enter(e *eventstore.Event, payload any) (*holdRow, string) {
	switch p := payload.(type) {
	case account.HoldPlaced:
		return b.place(e, p)
	case account.HoldCaptured:
		h, fault := b.take(e, p.HoldID, p.PaymentID, p.Currency.Code())
		if left := h.Remaining - int64(p.Amount) - int64(p.Released); fault == "" && (left < 0 || left != int64(p.Remaining) || p.Released > 0 && left > 0) {
			fault = fmt.Sprintf("captures %d and gives back %d of %d, and says that %d is left", p.Amount, p.Released, h.Remaining, p.Remaining)
		}
		h.Captured, h.Released, h.Remaining = h.Captured+int64(p.Amount), h.Released+int64(p.Released), int64(p.Remaining)
		if h.Remaining == 0 {
			h.Status = "captured"
		}
		return h, fault
	case account.HoldReleased:
		h, fault := b.take(e, p.HoldID, p.PaymentID, p.Currency.Code())
		h.Reason = p.Reason
		return h.giveBack("released", int64(p.Amount), fault)
	case account.HoldExpired:
		h, fault := b.open(e, p.HoldID, p.Currency.Code())
		if fault == "" && (h.ExpiresAt.IsZero() || e.RecordedAt.Before(h.ExpiresAt)) {
			fault = fmt.Sprintf("expired at %s, before its time %s", e.RecordedAt.UTC(), h.ExpiresAt.UTC())
		}
		return h.giveBack("expired", int64(p.Amount), fault)
	case account.HoldExtended:
		h, fault := b.take(e, p.HoldID, uuid.Nil, "")
		if fault == "" && !p.ExpiresAt.After(h.ExpiresAt) {
			fault = fmt.Sprintf("extended to %s, from %s", p.ExpiresAt.UTC(), h.ExpiresAt.UTC())
		}
		h.ExpiresAt = p.ExpiresAt.UTC()
		return h, fault
	default:
		panic(fmt.Sprintf("auditor: %T is not about a hold", payload))
	}
}

func (b holdBook) place(e *eventstore.Event, p account.HoldPlaced) (h *holdRow, fault string) {
	if b[p.HoldID] != nil {
		fault = fmt.Sprintf("hold %s was placed before", p.HoldID)
	}
	metadata, err := canonicalMap(p.Metadata)
	if err != nil {
		fault = err.Error()
	}
	h = &holdRow{
		HoldID: p.HoldID, AccountID: e.StreamID, PaymentID: p.PaymentID, Amount: int64(p.Amount), Remaining: int64(p.Amount),
		Version: e.Version, Position: e.Position, PlacedAt: e.RecordedAt, UpdatedAt: e.RecordedAt,
		Status: "placed", Currency: p.Currency.Code(), Reference: p.Reference, Metadata: metadata,
	}
	if !p.ExpiresAt.IsZero() {
		h.ExpiresAt = p.ExpiresAt.UTC()
	}
	b[p.HoldID] = h
	return h, fault
}

// open returns the hold, or a made-up one and why there is none.
func (b holdBook) open(e *eventstore.Event, id uuid.UUID, currency string) (h *holdRow, fault string) {
	h = b[id]
	switch {
	case h == nil:
		return &holdRow{}, fmt.Sprintf("hold %s was never placed, or has ended", id)
	case h.Status != "placed":
		fault = fmt.Sprintf("hold %s was %s before", id, h.Status)
	case currency != "" && currency != h.Currency:
		fault = fmt.Sprintf("%s of a hold in %s", currency, h.Currency)
	}
	h.Version, h.Position, h.UpdatedAt = e.Version, e.Position, e.RecordedAt
	return h, fault
}

// take is open for what somebody does with a hold: in time, and only its payment if it has one.
func (b holdBook) take(e *eventstore.Event, id, payment uuid.UUID, currency string) (*holdRow, string) {
	h, fault := b.open(e, id, currency)
	switch {
	case fault != "":
	case h.PaymentID != payment:
		fault = fmt.Sprintf("of payment %s, the hold is of payment %s", payment, h.PaymentID)
	case !h.ExpiresAt.IsZero() && !e.RecordedAt.Before(h.ExpiresAt):
		fault = fmt.Sprintf("the hold had expired at %s", h.ExpiresAt.UTC())
	}
	return h, fault
}

func (h *holdRow) giveBack(status string, amount int64, fault string) (*holdRow, string) {
	if fault == "" && amount != h.Remaining {
		fault = fmt.Sprintf("gives back %d, %d was left", amount, h.Remaining)
	}
	h.Status, h.Released, h.Remaining = status, h.Released+amount, 0
	return h, fault
}

// hold enters an event about a hold.
func (l *ledger) hold(e *eventstore.Event, payload any) (entry, error) {
	if !isHold(payload) {
		return entry{}, fmt.Errorf("the auditor has no rule for %s", e.Type)
	}
	h, fault := l.holds.enter(e, payload)
	if fault != "" {
		l.found.add(CheckHold, e.StreamID, e.Position, "%s: %s", e.Type, fault)
	}
	placed := h.PlacedAt
	if h.Status != "placed" {
		delete(l.holds, h.HoldID)
	}
	switch p := payload.(type) {
	case account.HoldPlaced:
		l.move(e, after{0, +int64(p.Amount), p.Currency, p.BalanceAfter, p.HeldAfter})
		l.spent(e, int64(p.Amount))
		return entry{kind: "hold_placed", hold: p.HoldID, payment: p.PaymentID, held: int64(p.Amount), reference: p.Reference, metadata: p.Metadata}, nil
	case account.HoldCaptured:
		return l.captured(e, p, placed), nil
	case account.HoldReleased:
		l.limits.giveBack(placed, int64(p.Amount))
		l.sum(e, after{0, -int64(p.Amount), p.Currency, p.BalanceAfter, p.HeldAfter})
		return entry{kind: "hold_released", hold: p.HoldID, payment: p.PaymentID, held: -int64(p.Amount), detail: p.Reason}, nil
	case account.HoldExpired:
		l.limits.giveBack(placed, int64(p.Amount))
		l.sum(e, after{0, -int64(p.Amount), p.Currency, p.BalanceAfter, p.HeldAfter})
		return entry{kind: "hold_expired", hold: p.HoldID, held: -int64(p.Amount)}, nil
	case account.HoldExtended:
		return entry{kind: "hold_extended", hold: p.HoldID, detail: p.ExpiresAt.UTC().Format(time.RFC3339Nano)}, nil
	default:
		return entry{}, fmt.Errorf("the auditor has no rule for %s", e.Type)
	}
}

func (l *ledger) captured(e *eventstore.Event, p account.HoldCaptured, placed time.Time) entry {
	if l.row.Scope == "all" && p.PaymentID == uuid.Nil {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "%s while frozen for all", e.Type)
	}
	l.limits.giveBack(placed, int64(p.Released))
	given := int64(p.Amount) + int64(p.Released)
	l.sum(e, after{-int64(p.Amount), -given, p.Currency, p.BalanceAfter, p.HeldAfter})
	row := movement("hold_captured", p.TransactionID, -int64(p.Amount), p.Reference, "", p.Metadata)
	row.hold, row.payment, row.held = p.HoldID, p.PaymentID, -given
	return row
}

// checkHeld holds what an account has set aside against the sum of its open holds.
func (l *ledger) checkHeld() {
	var open int64
	for _, h := range l.holds {
		open += h.Remaining
	}
	if open != l.row.Held {
		l.found.add(CheckHold, l.row.AccountID, l.row.Position, "%d is held, the %d open holds sum up to %d", l.row.Held, len(l.holds), open)
	}
}

// holdsBook expects one row a hold, as far as the projection has come.
type holdsBook struct {
	*table[holdRow]
	now     holdBook
	without holdBook // the same but for the events that were to be passed over; nil when there are none
}

func newHoldsBook(found *differences) book {
	key := func(h *holdRow) rowKey { return rowKey{stream: h.AccountID, id: h.HoldID, at: h.Position} }
	return &holdsBook{table: newTable(CheckHolds, found, holdsSQL, key, scanHold)}
}

func (b *holdsBook) begin(id uuid.UUID) {
	b.now, b.without = holdBook{}, nil
	if b.aside.skipped[id] != nil {
		b.without = holdBook{}
	}
}

func (b *holdsBook) apply(_ context.Context, e *posting) error {
	if !isHold(e.payload) || !b.reaches(e.StreamID, e.Version, e.Position) {
		return nil
	}
	b.now.enter(e.Event, e.payload)
	if b.without != nil && !b.aside.skipped[e.StreamID][e.Version] {
		b.without.enter(e.Event, e.payload)
	}
	return nil
}

func (b *holdsBook) close(ctx context.Context) error {
	rows := make([]*holdRow, 0, len(b.now))
	for _, h := range b.now {
		rows = append(rows, h)
	}
	slices.SortFunc(rows, func(x, y *holdRow) int { return compareIDs(x.HoldID, y.HoldID) })
	for _, h := range rows {
		var err error
		switch {
		case b.without == nil:
			err = b.expect(ctx, h)
		case b.without[h.HoldID] == nil:
			err = b.allow(ctx, h)
		default:
			err = b.expectEither(ctx, h, b.without[h.HoldID])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
