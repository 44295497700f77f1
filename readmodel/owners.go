package readmodel

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/readmodel/internal/pgcopy"
)

// ownersProjector keeps one row an account: whose it is.
func ownersProjector() Projector {
	return Project(Projector{
		Name: Owners, Version: 1, Tables: []string{"owners"},
		Types: []string{"account.opened", "account.terms_changed"}, // no movement is worth a row
	}, Definition[owner]{
		Load: loadOwners, Apply: applyOwner, Store: storeOwners, CopyStates: copyOwners, Row: ownerRow,
	})
}

// owner is a row of the table, and the state of an account.
type owner struct {
	accountID         uuid.UUID
	version, position int64
	id, name          string
}

// applyOwner assigns what the event says.
func applyOwner(o *owner, e *Event, _ *pgcopy.Rows) error {
	switch p := e.Payload.(type) {
	case account.Opened:
		o.accountID, o.id, o.name = e.StreamID, p.OwnerID, p.OwnerName
	case account.TermsChanged:
		if p.OwnerName != nil {
			o.name = *p.OwnerName
		}
	default:
		panic(unknownPayload(e))
	}
	o.version, o.position = e.Version, e.Position
	return nil
}

const loadOwnersSQL = `SELECT account_id, version, owner_id, owner_name FROM owners WHERE account_id = ANY($1::uuid[])`

func loadOwners(ctx context.Context, tx pgx.Tx, accounts [][16]byte, found func(uuid.UUID, int64, owner)) error {
	rows, err := tx.Query(ctx, loadOwnersSQL, accounts)
	if err != nil {
		return fmt.Errorf("load owners: %w", err)
	}
	var o owner
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&o.accountID), &o.version, &o.id, &o.name}, func() error {
		found(o.accountID, o.version, o)
		return nil
	})
	if err != nil {
		return fmt.Errorf("load owners: %w", err)
	}
	return nil
}

const upsertOwnersSQL = `
INSERT INTO owners AS o (account_id, version, position, owner_id, owner_name, words)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])
ON CONFLICT (account_id) DO UPDATE SET
    version = excluded.version, position = excluded.position, owner_name = excluded.owner_name, words = excluded.words
WHERE o.version < excluded.version`

func storeOwners(ctx context.Context, tx pgx.Tx, owners []*owner) error {
	var accounts [][16]byte
	var versions, positions []int64
	var ids, names, words []string
	for _, o := range owners {
		accounts, versions, positions = append(accounts, o.accountID), append(versions, o.version), append(positions, o.position)
		ids, names, words = append(ids, o.id), append(names, o.name), append(words, strings.ToLower(o.name))
	}
	tag, err := tx.Exec(ctx, upsertOwnersSQL, accounts, versions, positions, ids, names, words)
	if err != nil {
		return fmt.Errorf("write owners: %w", err)
	}
	if written := tag.RowsAffected(); written != int64(len(owners)) {
		return fmt.Errorf("write owners: %d of %d rows were older than their events", written, len(owners))
	}
	return nil
}

const copyOwners = `COPY owners (account_id, version, position, owner_id, owner_name, words) FROM STDIN (FORMAT binary)`

// ownerRow adds the columns in the order of the statement.
func ownerRow(o *owner, rows *pgcopy.Rows) {
	rows.Row(6)
	rows.UUID(o.accountID)
	rows.Int64(o.version)
	rows.Int64(o.position)
	for _, text := range [...]string{o.id, o.name, strings.ToLower(o.name)} {
		rows.Text(text)
	}
}
