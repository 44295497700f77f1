package auditor

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	selectBalances = `SELECT account_id, owner_id, owner_name, currency, balance, held, overdraft_limit, status, freeze_scope, metadata, version, position, opened_at, updated_at, limits
FROM balances`
	orderBalances = ` ORDER BY account_id`
)

var balancesSQL = tableSQL{
	lock:    `LOCK TABLE balances IN ACCESS SHARE MODE`,
	declare: `DECLARE audited_balances NO SCROLL CURSOR FOR ` + selectBalances + orderBalances,
	within:  `DECLARE audited_balances NO SCROLL CURSOR FOR ` + selectBalances + ` WHERE account_id > $1 AND account_id <= $2` + orderBalances,
	fetch:   `FETCH FORWARD 2000 FROM audited_balances`,
}

// balanceRow is what readmodel.balances should say, or says. Metadata is canonical JSON.
type balanceRow struct {
	AccountID            uuid.UUID
	OwnerID, OwnerName   string
	Currency             string
	Balance, Held, Limit int64
	Status, Scope        string
	Metadata             string
	Version, Position    int64
	OpenedAt, UpdatedAt  time.Time
	Limits               string // canonical JSON, null for none
}

func scanBalance(rows pgx.Rows, b *balanceRow) error {
	var metadata, limits []byte
	err := rows.Scan((*[16]byte)(&b.AccountID), &b.OwnerID, &b.OwnerName, &b.Currency, &b.Balance, &b.Held, &b.Limit,
		&b.Status, &b.Scope, &metadata, &b.Version, &b.Position, &b.OpenedAt, &b.UpdatedAt, &limits)
	if err != nil {
		return err
	}
	b.OpenedAt, b.UpdatedAt = b.OpenedAt.UTC(), b.UpdatedAt.UTC()
	if b.Limits, err = canonicalLimits(limits); err != nil {
		return err
	}
	b.Metadata, err = canonical(metadata)
	return err
}

// canonical appends the row as its hash sees it: see docs/operations.md.
func (b *balanceRow) canonical(to *canonicalRow) {
	to.text(b.AccountID.String(), b.OwnerID, b.OwnerName, b.Currency)
	to.numbers(b.Balance, b.Held, b.Limit)
	to.text(b.Status, b.Scope)
	to.object(b.Metadata)
	to.numbers(b.Version, b.Position)
	to.times(b.OpenedAt, b.UpdatedAt)
	to.object(b.Limits)
}

// balancesBook expects one row an account: the ledger as far as the projection has come.
type balancesBook struct {
	*table[balanceRow]
	now     balanceRow
	without *ledger // the same but for the events that were to be passed over; nil when there are none
	// nowWithout is the same of the other ledger.
	nowWithout balanceRow
}

func newBalancesBook(found *differences) book {
	key := func(b *balanceRow) rowKey { return rowKey{stream: b.AccountID, at: b.Position} }
	return &balancesBook{table: newTable(CheckBalances, found, balancesSQL, key, scanBalance)}
}

func (b *balancesBook) begin(id uuid.UUID) {
	b.now, b.nowWithout, b.without = balanceRow{}, balanceRow{}, nil
	if b.aside.skipped[id] != nil {
		b.without = newLedger(&differences{})
	}
}

func (b *balancesBook) apply(_ context.Context, e *posting) error {
	if b.without != nil && !b.aside.skipped[e.StreamID][e.Version] {
		if _, err := b.without.post(e.Event, e.payload); err != nil {
			return err
		}
		if e.ledger.stated { // an event says what the balance is after it
			b.without.row.Balance, b.without.row.Held = e.row.Balance, e.row.Held
		}
	}
	if b.reaches(e.StreamID, e.Version, e.Position) {
		b.now, b.nowWithout = e.ledger.row, e.ledger.row
		if b.without != nil {
			b.nowWithout = b.without.row
		}
	}
	return nil
}

func (b *balancesBook) close(ctx context.Context) error {
	if b.now.Version == 0 {
		return nil
	}
	return b.expectEither(ctx, &b.now, &b.nowWithout)
}
