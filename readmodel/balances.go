package readmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/readmodel/internal/db"
)

// balancesProjector keeps one row an account: what it is now.
func balancesProjector() Projector {
	return Projector{Name: Balances, Version: 1, Tables: []string{"readmodel.balances"}, Apply: applyBalances}
}

// balance is a row of readmodel.balances.
type balance struct {
	accountID          uuid.UUID
	ownerID, ownerName string
	currency           string
	balance, held      int64
	overdraftLimit     int64
	status, scope      string
	metadata           []byte // JSON object
	version, position  int64
	openedAt           time.Time
	updatedAt          time.Time
}

func applyBalances(ctx context.Context, tx pgx.Tx, events []Event) error {
	rows, err := loadBalances(ctx, tx, accountIDs(events))
	if err != nil {
		return err
	}
	for i := range events {
		if e := &events[i]; e.StreamType == account.StreamType {
			if err := rows.of[e.StreamID].apply(e); err != nil {
				return err
			}
		}
	}
	return upsertBalances(ctx, tx, rows.all)
}

// accountIDs lists the accounts the events are about, each once, in the form that pgx encodes fastest.
func accountIDs(events []Event) [][16]byte {
	seen := make(map[uuid.UUID]struct{}, len(events))
	ids := make([][16]byte, 0, len(events))
	for i := range events {
		id := events[i].StreamID
		if _, again := seen[id]; again || events[i].StreamType != account.StreamType {
			continue
		}
		seen[id] = struct{}{}
		ids = append(ids, id)
	}
	return ids
}

// balances are the rows of some accounts, in a steady order.
type balances struct {
	all []balance
	of  map[uuid.UUID]*balance
}

// loadBalances returns a row for each account: version 0 for one that is not there yet.
func loadBalances(ctx context.Context, tx pgx.Tx, ids [][16]byte) (balances, error) {
	rows := balances{make([]balance, len(ids)), make(map[uuid.UUID]*balance, len(ids))}
	for i, id := range ids {
		rows.all[i].accountID = id
		rows.of[id] = &rows.all[i]
	}
	stored, err := tx.Query(ctx, db.LoadBalances, ids)
	if err != nil {
		return balances{}, fmt.Errorf("load balances: %w", err)
	}
	defer stored.Close()
	for stored.Next() {
		if err := rows.scan(stored); err != nil {
			return balances{}, fmt.Errorf("load balances: %w", err)
		}
	}
	return rows, stored.Err()
}

func (rows balances) scan(stored pgx.Rows) error {
	var b balance
	err := stored.Scan((*[16]byte)(&b.accountID), &b.ownerID, &b.ownerName, &b.currency, &b.balance, &b.held, &b.overdraftLimit,
		&b.status, &b.scope, &b.metadata, &b.version, &b.openedAt)
	if err == nil {
		*rows.of[b.accountID] = b
	}
	return err
}

var errNotOpened = errors.New("the account's first event does not open it")

// apply assigns what the event says.
func (b *balance) apply(e *Event) error {
	if err := follows(b.version, e); err != nil {
		return err
	}
	if _, opens := e.Payload.(account.Opened); opens != (e.Version == 1) {
		return &EventError{e.Position, errNotOpened}
	}
	b.version, b.position, b.updatedAt = e.Version, e.Position, e.RecordedAt
	if err := b.assign(e); err != nil {
		return &EventError{e.Position, err}
	}
	return nil
}

func (b *balance) assign(e *Event) (err error) {
	switch p := e.Payload.(type) {
	case account.Opened:
		return b.open(p, e)
	case account.Deposited:
		b.money(p.BalanceAfter, p.HeldAfter)
	case account.Withdrawn:
		b.money(p.BalanceAfter, p.HeldAfter)
	case account.FeeCharged:
		b.money(p.BalanceAfter, p.HeldAfter)
	case account.InterestPosted:
		b.money(p.BalanceAfter, p.HeldAfter)
	case account.Frozen:
		b.status, b.scope = string(account.StatusFrozen), string(p.Scope)
	case account.Unfrozen, account.Reopened:
		b.status, b.scope = string(account.StatusOpen), ""
	case account.Closed:
		b.status, b.scope = string(account.StatusClosed), ""
	case account.SettingsChanged:
		return b.settings(p)
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

func (b *balance) money(balanceAfter, heldAfter money.Amount) {
	b.balance, b.held = int64(balanceAfter), int64(heldAfter)
}

func (b *balance) settings(p account.SettingsChanged) (err error) {
	if p.OverdraftLimit != nil {
		b.overdraftLimit = int64(*p.OverdraftLimit)
	}
	if p.OwnerName != nil {
		b.ownerName = *p.OwnerName
	}
	if p.Metadata != nil {
		b.metadata, err = encodeMetadata(*p.Metadata)
	}
	return err
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
INSERT INTO readmodel.balances AS b (account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at,
    currency, status, freeze_scope, owner_id, owner_name, metadata)
SELECT account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at,
    currency, status, freeze_scope, owner_id, owner_name, metadata::json
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
    AS r(account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at,
    currency, status, freeze_scope, owner_id, owner_name, metadata)
ON CONFLICT (account_id) DO UPDATE SET
    balance = excluded.balance, held = excluded.held, overdraft_limit = excluded.overdraft_limit, version = excluded.version,
    position = excluded.position, updated_at = excluded.updated_at, status = excluded.status, freeze_scope = excluded.freeze_scope,
    owner_name = excluded.owner_name, metadata = excluded.metadata
WHERE b.version < excluded.version`

func upsertBalances(ctx context.Context, tx pgx.Tx, rows []balance) error {
	c := newBalanceColumns(len(rows))
	for i := range rows {
		c.add(&rows[i])
	}
	tag, err := tx.Exec(ctx, upsertBalancesSQL, c.ids, c.balances, c.helds, c.limits, c.versions, c.positions, c.openedAts, c.updatedAts,
		c.currencies, c.statuses, c.scopes, c.ownerIDs, c.ownerNames, c.metadatas)
	if err != nil {
		return fmt.Errorf("write balances: %w", err)
	}
	if written := tag.RowsAffected(); written != int64(len(rows)) {
		return fmt.Errorf("write balances: %d of %d rows were older than their events", written, len(rows))
	}
	return nil
}

// balanceColumns are rows turned on their side: one array a column, as unnest wants them. pgx has fast paths for these types.
type balanceColumns struct {
	ids                                                [][16]byte
	balances, helds, limits, versions, positions       []int64
	openedAts, updatedAts                              []time.Time
	currencies, statuses, scopes, ownerIDs, ownerNames []string
	metadatas                                          []string
}

func newBalanceColumns(n int) *balanceColumns {
	numbers := func() []int64 { return make([]int64, 0, n) }
	texts := func() []string { return make([]string, 0, n) }
	return &balanceColumns{
		ids: make([][16]byte, 0, n), openedAts: make([]time.Time, 0, n), updatedAts: make([]time.Time, 0, n),
		balances: numbers(), helds: numbers(), limits: numbers(), versions: numbers(), positions: numbers(),
		currencies: texts(), statuses: texts(), scopes: texts(), ownerIDs: texts(), ownerNames: texts(), metadatas: texts(),
	}
}

func (c *balanceColumns) add(b *balance) {
	c.ids = append(c.ids, b.accountID)
	c.balances, c.helds, c.limits = append(c.balances, b.balance), append(c.helds, b.held), append(c.limits, b.overdraftLimit)
	c.versions, c.positions = append(c.versions, b.version), append(c.positions, b.position)
	c.openedAts, c.updatedAts = append(c.openedAts, b.openedAt), append(c.updatedAts, b.updatedAt)
	c.currencies, c.statuses, c.scopes = append(c.currencies, b.currency), append(c.statuses, b.status), append(c.scopes, b.scope)
	c.ownerIDs, c.ownerNames = append(c.ownerIDs, b.ownerID), append(c.ownerNames, b.ownerName)
	c.metadatas = append(c.metadatas, string(b.metadata))
}
