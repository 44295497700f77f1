package auditor

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
)

const selectOwners = `SELECT account_id, version, position, owner_id, owner_name, words FROM owners`

var ownersSQL = tableSQL{
	lock:    `LOCK TABLE owners IN ACCESS SHARE MODE`,
	declare: `DECLARE audited_owners NO SCROLL CURSOR FOR ` + selectOwners + ` ORDER BY account_id`,
	within:  `DECLARE audited_owners NO SCROLL CURSOR FOR ` + selectOwners + ` WHERE account_id > $1 AND account_id <= $2 ORDER BY account_id`,
	fetch:   `FETCH FORWARD 2000 FROM audited_owners`,
}

// ownerRow is what readmodel.owners should say, or says.
type ownerRow struct {
	AccountID         uuid.UUID
	Version, Position int64
	OwnerID, Name     string
	Words             string
}

func scanOwner(rows pgx.Rows, o *ownerRow) error {
	return rows.Scan((*[16]byte)(&o.AccountID), &o.Version, &o.Position, &o.OwnerID, &o.Name, &o.Words)
}

// canonical appends the row as its hash sees it: see docs/operations.md.
func (o *ownerRow) canonical(to *canonicalRow) {
	to.text(o.AccountID.String())
	to.numbers(o.Version, o.Position)
	to.text(o.OwnerID, o.Name, o.Words)
}

// ownersBook expects one row an account: whose it was when its settings were last said.
type ownersBook struct {
	*table[ownerRow]
	now ownerRow
	// without is the same but for the events that were to be passed over.
	without ownerRow
}

func newOwnersBook(found *differences) book {
	key := func(o *ownerRow) rowKey { return rowKey{stream: o.AccountID, at: o.Position} }
	return &ownersBook{table: newTable(CheckOwners, found, ownersSQL, key, scanOwner)}
}

func (b *ownersBook) begin(uuid.UUID) { b.now, b.without = ownerRow{}, ownerRow{} }

func (b *ownersBook) apply(_ context.Context, e *posting) error {
	// By the names under which they are stored, whatever newer code reads others as.
	said := e.Type == "account.opened" || e.Type == "account.terms_changed" || e.Type == "account.settings_changed"
	if !said || !b.reaches(e.StreamID, e.Version, e.Position) {
		return nil
	}
	l := &e.ledger.row
	b.now = ownerRow{e.StreamID, e.Version, e.Position, l.OwnerID, l.OwnerName, strings.ToLower(l.OwnerName)}
	if b.aside.skipped[e.StreamID][e.Version] {
		return nil
	}
	name, words := b.without.Name, b.without.Words
	b.without = b.now
	if p, terms := e.payload.(account.TermsChanged); terms && p.OwnerName == nil {
		b.without.Name, b.without.Words = name, words
	}
	return nil
}

func (b *ownersBook) close(ctx context.Context) error {
	if b.now.Version == 0 {
		return nil
	}
	return b.expectEither(ctx, &b.now, &b.without)
}
