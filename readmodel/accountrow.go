package readmodel

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel/internal/db"
)

// asker reads accounts by their ids from the database. The rows are read as they come over the wire: this is the statement
// of the busiest route, and a general way to scan would cost more than the statement.
func asker(pool *pgxpool.Pool) askAccounts {
	return func(ctx context.Context, ids []uuid.UUID, found func(Account)) (fresh Freshness, err error) {
		rows, err := pool.Query(ctx, db.LookUpAccounts, pgx.QueryResultFormats{pgx.BinaryFormatCode}, uuidArray(ids))
		if err != nil {
			return fresh, err
		}
		defer rows.Close()
		for rows.Next() {
			row := wireRow{left: rows.RawValues()}
			fresh = Freshness{Position: row.int64(), LagMilliseconds: row.int64(), parked: row.int64() > 0}
			stale := row.staleness()
			if !row.null() {
				account, err := row.account()
				if err != nil {
					return fresh, err
				}
				account.stale = stale
				found(account)
			}
			if row.broken {
				return fresh, fmt.Errorf("a row is not as it was asked for: %d columns", len(rows.RawValues()))
			}
		}
		return fresh, rows.Err()
	}
}

// uuidArray passes ids as they are. A plain slice of them would be written as text and read again, one by one.
type uuidArray []uuid.UUID

// Dimensions implements pgtype.ArrayGetter.
func (a uuidArray) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(a)), LowerBound: 1}} //nolint:gosec // a page of accounts
}

// Index implements pgtype.ArrayGetter.
func (a uuidArray) Index(i int) any { return pgtype.UUID{Bytes: a[i], Valid: true} }

// IndexType implements pgtype.ArrayGetter.
func (a uuidArray) IndexType() any { return pgtype.UUID{} }

// wireRow reads the columns of a row one after another, in Postgres' binary format.
type wireRow struct {
	left   [][]byte
	broken bool // a column was missing or not of its type's size
}

func (r *wireRow) null() bool { return len(r.left) == 0 || r.left[0] == nil }

// staleness reads a position, 0 for none, and a time.
func (r *wireRow) staleness() staleness {
	stale := staleness{Position: r.int64(), Since: r.time()}
	if stale.Position == 0 {
		return staleness{}
	}
	return stale
}

func (r *wireRow) next() []byte {
	if len(r.left) == 0 {
		r.broken = true
		return nil
	}
	value := r.left[0]
	r.left = r.left[1:]
	return value
}

func (r *wireRow) int64() int64 {
	value := r.next()
	if len(value) != 8 {
		r.broken = true
		return 0
	}
	return int64(binary.BigEndian.Uint64(value)) //nolint:gosec // the bits of a bigint
}

func (r *wireRow) uuid() (id uuid.UUID) {
	if n := copy(id[:], r.next()); n != len(id) {
		r.broken = true
	}
	return id
}

// postgresEpoch is what times are counted from, in microseconds: the first moment of 2000.
const postgresEpoch = 946_684_800_000_000

func (r *wireRow) time() time.Time { return time.UnixMicro(postgresEpoch + r.int64()).UTC() }

func (r *wireRow) text() string { return string(r.next()) }

// account reads the columns in the order of the statement.
func (r *wireRow) account() (Account, error) {
	row := db.ReadmodelBalance{
		AccountID: r.uuid(), Balance: r.int64(), Held: r.int64(), OverdraftLimit: r.int64(), Version: r.int64(), Position: r.int64(),
		OpenedAt: r.time(), UpdatedAt: r.time(), Currency: r.text(), Status: r.text(), FreezeScope: r.text(),
		OwnerID: r.text(), OwnerName: r.text(), Metadata: r.next(), Limits: r.next(),
	}
	return newAccount(row)
}
