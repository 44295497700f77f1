package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"passbook/internal/pgkit"
)

// appendAt is the whole write in one statement, which measured fastest: swap the head if it still is where the writer
// thinks, insert the events behind it and the answers beside them. When the head has moved, the first step finds no row
// and the other two insert nothing. The UPDATE waits for whoever holds the row and then looks at its new value.
const appendAt = `
WITH head AS (
    UPDATE log_head SET position = position + $2, recorded_at = $3 WHERE position = $1 RETURNING position
), appended AS (
    INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata)
    SELECT $1 + e.ordinality, e.version, e.effective_at, $3, e.event_id, e.stream_id, e.schema, e.stream_type, e.type, e.data::json, e.metadata::json
    FROM head, unnest($4::bigint[], $5::timestamptz[], $6::uuid[], $7::uuid[], $8::smallint[], $9::text[], $10::text[], $11::text[], $12::text[])
        WITH ORDINALITY AS e(version, effective_at, event_id, stream_id, schema, stream_type, type, data, metadata, ordinality)
), answered AS (
    INSERT INTO idempotency_keys (position, version, recorded_at, key_id, stream_id, status, caller, key, fingerprint, body)
    SELECT k.position, k.version, $3, k.key_id, k.stream_id, k.status, k.caller, k.key, k.fingerprint, k.body
    FROM head, unnest($13::bigint[], $14::bigint[], $15::uuid[], $16::uuid[], $17::smallint[], $18::text[], $19::text[], $20::bytea[], $21::text[])
        AS k(position, version, key_id, stream_id, status, caller, key, fingerprint, body)
)
SELECT position FROM head`

// AppendAt appends the entries if the log still ends at head, and returns ErrHeadMoved with nothing written if it does not.
// Every Expected must be a version, not AnyVersion. Positions are head+1, head+2, ... in the order of the entries' events,
// so the caller knows them beforehand. recordedAt must not be before the head's.
//
// A *VersionConflict or *KeyTaken means that Postgres refused the whole batch; it does not name the culprit. An error that
// is ErrOutcomeUnknown leaves open what happened.
func (s *Store) AppendAt(ctx context.Context, head int64, recordedAt time.Time, entries []Entry) error {
	return swapHead(ctx, s.pool, head, recordedAt, entries)
}

func swapHead(ctx context.Context, q querier, head int64, recordedAt time.Time, entries []Entry) error {
	rows, err := flatten(entries, recordedAt)
	if err != nil {
		return err
	}
	var position int64
	err = q.QueryRow(ctx, appendAt, rows.args(head)...).Scan(&position)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrHeadMoved
	}
	return writeError(err)
}

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

// columns is a batch turned on its side: one array a column, as unnest wants it. pgx has fast paths for these types; for
// uuid.UUID it would go through text.
type columns struct {
	recordedAt time.Time

	version             []int64
	effectiveAt         []time.Time
	eventID, streamID   [][16]byte
	schema              []int16
	streamType, typ     []string
	data, metadata      pgtype.FlatArray[[]byte]
	keyPosition, keyVer []int64
	keyID, keyStream    [][16]byte
	status              []int16
	caller, key         []string
	fingerprint, body   pgtype.FlatArray[[]byte]
}

func (c *columns) args(head int64) []any {
	return []any{head, int64(len(c.version)), c.recordedAt,
		c.version, c.effectiveAt, c.eventID, c.streamID, c.schema, c.streamType, c.typ, c.data, c.metadata,
		c.keyPosition, c.keyVer, c.keyID, c.keyStream, c.status, c.caller, c.key, c.fingerprint, c.body}
}

// flatten checks the batch and lays it out in columns.
func flatten(entries []Entry, recordedAt time.Time) (*columns, error) {
	count := 0
	for i := range entries {
		for j := range entries[i].Appends {
			count += len(entries[i].Appends[j].Events)
		}
	}
	if count > EventsMax {
		return nil, fmt.Errorf("append: %d events, at most %d", count, EventsMax)
	}
	c := newColumns(count, len(entries), recordedAt)
	for i := range entries {
		for j := range entries[i].Appends {
			if err := c.addAppend(&entries[i].Appends[j]); err != nil {
				return nil, err
			}
		}
		c.addAnswer(entries[i].Answer)
	}
	return c, nil
}

func newColumns(events, answers int, recordedAt time.Time) *columns {
	return &columns{
		recordedAt: recordedAt,
		version:    make([]int64, 0, events), effectiveAt: make([]time.Time, 0, events),
		eventID: make([][16]byte, 0, events), streamID: make([][16]byte, 0, events), schema: make([]int16, 0, events),
		streamType: make([]string, 0, events), typ: make([]string, 0, events),
		data: make([][]byte, 0, events), metadata: make([][]byte, 0, events),
		keyPosition: make([]int64, 0, answers), keyVer: make([]int64, 0, answers), keyID: make([][16]byte, 0, answers), keyStream: make([][16]byte, 0, answers),
		status: make([]int16, 0, answers), caller: make([]string, 0, answers), key: make([]string, 0, answers),
		fingerprint: make([][]byte, 0, answers), body: make([][]byte, 0, answers),
	}
}

var emptyObject = []byte("{}")

func (c *columns) addAppend(a *Append) error {
	if a.Expected < 0 {
		return fmt.Errorf("append to %s: an exact version is needed, not %d", a.StreamID, a.Expected)
	}
	for i := range a.Events {
		e := &a.Events[i]
		if len(e.Data) > PayloadMax || len(e.Metadata) > PayloadMax {
			return fmt.Errorf("append to %s: the payload of a %s is larger than %d bytes", a.StreamID, e.Type, PayloadMax)
		}
		effectiveAt, metadata := e.EffectiveAt, e.Metadata
		if effectiveAt.IsZero() {
			effectiveAt = c.recordedAt
		}
		if metadata == nil {
			metadata = emptyObject
		}
		c.version = append(c.version, a.Expected+1+int64(i))
		c.effectiveAt = append(c.effectiveAt, effectiveAt)
		c.eventID = append(c.eventID, e.ID)
		c.streamID = append(c.streamID, a.StreamID)
		c.schema = append(c.schema, int16(e.Schema)) //nolint:gosec // the table's CHECK bounds it
		c.streamType = append(c.streamType, a.StreamType)
		c.typ = append(c.typ, e.Type)
		c.data = append(c.data, e.Data)
		c.metadata = append(c.metadata, metadata)
	}
	return nil
}

func (c *columns) addAnswer(a *Answer) {
	if a == nil {
		return
	}
	c.keyPosition = append(c.keyPosition, a.Position)
	c.keyVer = append(c.keyVer, a.Version)
	c.keyID = append(c.keyID, a.Key.id())
	c.keyStream = append(c.keyStream, a.StreamID)
	c.status = append(c.status, int16(a.Status)) //nolint:gosec // an HTTP status
	c.caller = append(c.caller, a.Key.Caller)
	c.key = append(c.key, a.Key.Key)
	c.fingerprint = append(c.fingerprint, a.Fingerprint[:])
	c.body = append(c.body, a.Body)
}
