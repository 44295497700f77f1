package readmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"passbook/domain/account"
	"passbook/readmodel/internal/pgcopy"
)

// balancesProjector keeps one row an account: what it is now.
func balancesProjector() Projector {
	return Project(Projector{
		Name: Balances, Version: 2, Tables: []string{"balances"},
		ExpectDiff: "the limits of an account are new",
	}, Definition[balance]{
		Load: loadBalances, Apply: applyBalance, Store: storeBalances, CopyStates: copyBalances, Row: balanceRow, Settle: settleBalance,
	})
}

// balance is a row of the table.
type balance struct {
	accountID          uuid.UUID
	ownerID, ownerName string
	currency           string
	balance, held      int64
	overdraftLimit     int64
	status, scope      string
	metadata           []byte // JSON object
	limits             []byte // JSON object, nil for none
	version, position  int64
	openedAt           time.Time
	updatedAt          time.Time

	terms bool  // something changed that movements of money do not change, or the row is not there yet
	was   int64 // the version of the row
}

// loadBalancesSQL by hand: sqlc knows no search path.
const loadBalancesSQL = `
SELECT account_id, owner_id, owner_name, currency, balance, held, overdraft_limit, status, freeze_scope, metadata, limits, version, opened_at
FROM balances WHERE account_id = ANY($1::uuid[])`

func loadBalances(ctx context.Context, tx pgx.Tx, accounts [][16]byte, found func(uuid.UUID, int64, balance)) error {
	stored, err := tx.Query(ctx, loadBalancesSQL, accounts)
	if err != nil {
		return fmt.Errorf("load balances: %w", err)
	}
	defer stored.Close()
	for stored.Next() {
		var b balance
		err := stored.Scan((*[16]byte)(&b.accountID), &b.ownerID, &b.ownerName, &b.currency, &b.balance, &b.held, &b.overdraftLimit,
			&b.status, &b.scope, &b.metadata, &b.limits, &b.version, &b.openedAt)
		if err != nil {
			return fmt.Errorf("load balances: %w", err)
		}
		b.was = b.version
		found(b.accountID, b.version, b)
	}
	return stored.Err()
}

var errNotOpened = errors.New("the account's first event does not open it")

// applyBalance assigns what the event says.
func applyBalance(b *balance, e *Event, _ *pgcopy.Rows) error {
	if _, opens := e.Payload.(account.Opened); opens != (e.Version == 1) {
		return errNotOpened
	}
	b.accountID, b.version, b.position, b.updatedAt = e.StreamID, e.Version, e.Position, e.RecordedAt
	return b.assign(e)
}

// settleBalance: what was written is what the row says.
func settleBalance(b *balance) { b.terms, b.was = false, b.version }

func (b *balance) assign(e *Event) error {
	p, of := e.Payload.(account.Event)
	if !of {
		panic(unknownPayload(e))
	}
	if after, states := account.BalancesOf(p); states {
		b.balance, b.held = int64(after.Balance), int64(after.Held)
		return nil
	}
	b.terms = true
	switch p := p.(type) {
	case account.Opened:
		return b.open(p, e)
	case account.Frozen:
		b.status, b.scope = string(account.StatusFrozen), string(p.Scope)
	case account.Unfrozen, account.Reopened:
		b.status, b.scope = string(account.StatusOpen), ""
	case account.Closed:
		b.status, b.scope = string(account.StatusClosed), ""
	case account.TermsChanged:
		return b.settings(p)
	case account.HoldExtended:
	default:
		panic(unknownPayload(e))
	}
	return nil
}

func (b *balance) open(p account.Opened, e *Event) (err error) {
	b.ownerID, b.ownerName, b.currency = p.OwnerID, p.OwnerName, p.Currency.Code()
	b.overdraftLimit = int64(p.OverdraftLimit)
	b.status, b.openedAt = string(account.StatusOpen), e.RecordedAt
	b.metadata, err = encodeMetadata(p.Metadata)
	return err
}

func (b *balance) settings(p account.TermsChanged) (err error) {
	if p.OverdraftLimit != nil {
		b.overdraftLimit = int64(*p.OverdraftLimit)
	}
	if p.OwnerName != nil {
		b.ownerName = *p.OwnerName
	}
	if p.Limits != nil {
		if b.limits, err = encodeLimits(*p.Limits); err != nil {
			return err
		}
	}
	if p.Metadata != nil {
		b.metadata, err = encodeMetadata(*p.Metadata)
	}
	return err
}

// encodeLimits writes a JSON object with those that there are, nil for none.
func encodeLimits(limits account.Limits) ([]byte, error) {
	if limits == (account.Limits{}) {
		return nil, nil
	}
	return json.Marshal(limits)
}

// encodeMetadata writes a JSON object with sorted keys, {} for none.
func encodeMetadata(metadata map[string]string) ([]byte, error) {
	if len(metadata) == 0 {
		return []byte("{}"), nil
	}
	return json.Marshal(metadata)
}

// upsertBalancesSQL by hand: sqlc has no words for an unnest of many arrays. A row that is there changes only if it is older,
// which the number of rows written tells.
const upsertBalancesSQL = `
INSERT INTO balances AS b (account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at,
    currency, status, freeze_scope, owner_id, owner_name, metadata, limits)
SELECT account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at,
    currency, status, freeze_scope, owner_id, owner_name, metadata::json, nullif(limits, '')::json
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])
    AS r(account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at,
    currency, status, freeze_scope, owner_id, owner_name, metadata, limits)
ON CONFLICT (account_id) DO UPDATE SET
    balance = excluded.balance, held = excluded.held, overdraft_limit = excluded.overdraft_limit, version = excluded.version,
    position = excluded.position, updated_at = excluded.updated_at, status = excluded.status, freeze_scope = excluded.freeze_scope,
    owner_name = excluded.owner_name, metadata = excluded.metadata, limits = excluded.limits
WHERE b.version < excluded.version`

// updateBalancesSQL is for rows of which a movement of money has changed all that it can change: a third of what the other costs.
const updateBalancesSQL = `
UPDATE balances AS b SET balance = r.balance, held = r.held, version = r.version, position = r.position, updated_at = r.updated_at
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[])
    AS r(account_id, balance, held, was, version, position, updated_at)
WHERE b.account_id = r.account_id AND b.version = r.was`

func storeBalances(ctx context.Context, tx pgx.Tx, rows []*balance) error {
	moved, others := make([]*balance, 0, len(rows)), []*balance(nil)
	for _, b := range rows {
		if b.terms {
			others = append(others, b)
		} else {
			moved = append(moved, b)
		}
	}
	if err := updateBalances(ctx, tx, moved); err != nil {
		return err
	}
	return upsertBalances(ctx, tx, others)
}

func updateBalances(ctx context.Context, tx pgx.Tx, rows []*balance) error {
	if len(rows) == 0 {
		return nil
	}
	ids, updated := make([][16]byte, len(rows)), make([]time.Time, len(rows))
	numbers := func() []int64 { return make([]int64, len(rows)) }
	balances, helds, were, versions, positions := numbers(), numbers(), numbers(), numbers(), numbers()
	for i, b := range rows {
		ids[i], updated[i] = b.accountID, b.updatedAt
		balances[i], helds[i], were[i], versions[i], positions[i] = b.balance, b.held, b.was, b.version, b.position
	}
	tag, err := tx.Exec(ctx, updateBalancesSQL, ids, balances, helds, were, versions, positions, updated)
	return allWritten(tag, err, len(rows))
}

func upsertBalances(ctx context.Context, tx pgx.Tx, rows []*balance) error {
	if len(rows) == 0 {
		return nil
	}
	c := newBalanceColumns(len(rows))
	for _, b := range rows {
		c.add(b)
	}
	tag, err := tx.Exec(ctx, upsertBalancesSQL, c.ids, c.balances, c.helds, c.overdrafts, c.versions, c.positions, c.openedAts, c.updatedAts,
		c.currencies, c.statuses, c.scopes, c.ownerIDs, c.ownerNames, c.metadatas, c.limits)
	return allWritten(tag, err, len(rows))
}

// allWritten is an error unless each row was as its state says.
func allWritten(tag pgconn.CommandTag, err error, rows int) error {
	if err != nil {
		return fmt.Errorf("write balances: %w", err)
	}
	if written := tag.RowsAffected(); written != int64(rows) {
		return fmt.Errorf("write balances: %d of %d rows were as they were left", written, rows)
	}
	return nil
}

const copyBalances = `COPY balances (account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at,
    currency, status, freeze_scope, owner_id, owner_name, metadata, limits) FROM STDIN (FORMAT binary)`

// balanceRow adds the columns in the order of the statement.
func balanceRow(b *balance, rows *pgcopy.Rows) {
	rows.Row(15)
	rows.UUID(b.accountID)
	for _, n := range [...]int64{b.balance, b.held, b.overdraftLimit, b.version, b.position} {
		rows.Int64(n)
	}
	rows.Time(b.openedAt)
	rows.Time(b.updatedAt)
	for _, text := range [...]string{b.currency, b.status, b.scope, b.ownerID, b.ownerName} {
		rows.Text(text)
	}
	rows.JSON(b.metadata)
	rows.JSON(b.limits)
}

// balanceColumns are rows turned on their side: one array a column, as unnest wants them. pgx has fast paths for these types.
type balanceColumns struct {
	ids                                                [][16]byte
	balances, helds, overdrafts, versions, positions   []int64
	openedAts, updatedAts                              []time.Time
	currencies, statuses, scopes, ownerIDs, ownerNames []string
	metadatas, limits                                  []string
}

func newBalanceColumns(n int) *balanceColumns {
	numbers := func() []int64 { return make([]int64, 0, n) }
	texts := func() []string { return make([]string, 0, n) }
	return &balanceColumns{
		ids: make([][16]byte, 0, n), openedAts: make([]time.Time, 0, n), updatedAts: make([]time.Time, 0, n),
		balances: numbers(), helds: numbers(), overdrafts: numbers(), versions: numbers(), positions: numbers(),
		currencies: texts(), statuses: texts(), scopes: texts(), ownerIDs: texts(), ownerNames: texts(), metadatas: texts(), limits: texts(),
	}
}

func (c *balanceColumns) add(b *balance) {
	c.ids = append(c.ids, b.accountID)
	c.balances, c.helds, c.overdrafts = append(c.balances, b.balance), append(c.helds, b.held), append(c.overdrafts, b.overdraftLimit)
	c.versions, c.positions = append(c.versions, b.version), append(c.positions, b.position)
	c.openedAts, c.updatedAts = append(c.openedAts, b.openedAt), append(c.updatedAts, b.updatedAt)
	c.currencies, c.statuses, c.scopes = append(c.currencies, b.currency), append(c.statuses, b.status), append(c.scopes, b.scope)
	c.ownerIDs, c.ownerNames = append(c.ownerIDs, b.ownerID), append(c.ownerNames, b.ownerName)
	c.metadatas, c.limits = append(c.metadatas, string(b.metadata)), append(c.limits, string(b.limits))
}
