package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"passbook/internal/pgkit"
)

// appendAt is the whole write in one statement, which measured fastest: swap the head if it still is where the writer
// thinks, insert the events behind it and the answers beside them. When the head has moved, the first step finds no row
// and the other two insert nothing. The UPDATE waits for whoever holds the row and then looks at its new value.
const appendAt = `
WITH head AS (
    UPDATE log_head SET position = position + $2, recorded_at = $3, event_id = $5 WHERE position = $1 AND event_id = $4 RETURNING position
), appended AS (
    INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata)
    SELECT $1 + e.ordinality, e.version, e.effective_at, $3, e.event_id, e.stream_id, e.schema, e.stream_type, e.type, e.data::json, e.metadata::json
    FROM head, unnest($6::bigint[], $7::timestamptz[], $8::uuid[], $9::uuid[], $10::smallint[], $11::text[], $12::text[], $13::text[], $14::text[])
        WITH ORDINALITY AS e(version, effective_at, event_id, stream_id, schema, stream_type, type, data, metadata, ordinality)
), answered AS (
    INSERT INTO idempotency_keys (position, version, recorded_at, key_id, stream_id, status, caller, key, fingerprint, body)
    SELECT k.position, k.version, $3, k.key_id, k.stream_id, k.status, k.caller, k.key, k.fingerprint, k.body
    FROM head, unnest($15::bigint[], $16::bigint[], $17::uuid[], $18::uuid[], $19::smallint[], $20::text[], $21::text[], $22::bytea[], $23::text[])
        AS k(position, version, key_id, stream_id, status, caller, key, fingerprint, body)
)
SELECT position FROM head`

// AppendAt appends the batch if the log still ends at head, and returns ErrHeadMoved with nothing written if it does not.
// Positions are head+1, head+2, ... in the order of the entries' events, so the caller knows them beforehand.
//
// A *VersionConflict or *KeyTaken means that Postgres refused the whole batch; it does not name the culprit. An error that
// is ErrOutcomeUnknown leaves open what happened.
func (s *Store) AppendAt(ctx context.Context, head Head, batch *Batch) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	defer conn.Release()
	return swapHead(ctx, conn.Conn(), head, batch)
}

// statementName is under which each connection keeps the prepared statement.
const statementName = "passbook_append_at"

// swapHead sends the batch below pgx's types: its parameters are in the binary format already.
func swapHead(ctx context.Context, conn *pgx.Conn, head Head, batch *Batch) error {
	if _, err := conn.Prepare(ctx, statementName, appendAt); err != nil { // the first time on each connection
		return fmt.Errorf("prepare append: %w", err)
	}
	result := conn.PgConn().ExecPrepared(ctx, statementName, batch.params(head), allBinary, allBinary).Read()
	if result.Err != nil {
		return writeError(result.Err)
	}
	if len(result.Rows) == 0 {
		return ErrHeadMoved
	}
	return nil
}

// allBinary says of all parameters, and of all results, that they are in the binary format.
var allBinary = []int16{pgx.BinaryFormatCode}

// writeError is the one place where a failed write gets its meaning.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	if constraint, ok := pgkit.UniqueViolation(err); ok {
		switch constraint {
		case "events_stream_version":
			return fmt.Errorf("append: %w", &VersionConflict{Actual: AnyVersion, Expected: AnyVersion})
		case "idempotency_keys_caller_key":
			return fmt.Errorf("append: %w", &KeyTaken{})
		}
		return fmt.Errorf("append: broken invariant %s: %w", constraint, err)
	}
	if pgkit.OutcomeUnknown(err) {
		return fmt.Errorf("append: %w: %w", ErrOutcomeUnknown, err)
	}
	return fmt.Errorf("append: %w", err)
}
