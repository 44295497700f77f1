// Package firstlog is the log of a bank that the first code of this repository served (commit 03e91bb), and what that code said
// of it over HTTP. Whatever is changed since must read these events and give these answers: they are never made anew.
//
// The log has 377 events of nine accounts in six currencies, written through the command API: each type of event that the code
// could write, with and without its optional members, texts in several scripts and with every kind of escape, the largest
// amounts, value dates from 1900 on, interest of both signs, freezes of both scopes, an account closed twice. That code's own
// auditor found log and read models to agree. Its idempotency keys are not kept.
package firstlog

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // the log and the answers
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
)

//go:embed testdata/events.jsonl.gz
var events []byte

//go:embed testdata/answers.jsonl.gz
var answers []byte

// Answer is what the query API said when it had applied the whole log.
type Answer struct {
	Path string          `json:"path"`
	Body json.RawMessage `json:"body"`
}

// Answers returns the answers to 103 reads: accounts, timelines, raw events, balances on both bases and day by day.
func Answers(t testing.TB) []Answer {
	t.Helper()
	return lines[Answer](t, answers)
}

// row is an event as it was dumped. The payloads are the stored bytes.
type row struct {
	Position    int64           `json:"position"`
	EventID     uuid.UUID       `json:"event_id"`
	StreamType  string          `json:"stream_type"`
	StreamID    uuid.UUID       `json:"stream_id"`
	Version     int64           `json:"version"`
	Type        string          `json:"type"`
	Schema      int             `json:"schema"`
	Data        json.RawMessage `json:"data"`
	Metadata    json.RawMessage `json:"metadata"`
	EffectiveAt time.Time       `json:"effective_at"`
	RecordedAt  time.Time       `json:"recorded_at"`
}

// Events returns the log in its order.
func Events(t testing.TB) []eventstore.Event {
	t.Helper()
	var log []eventstore.Event
	for _, r := range lines[row](t, events) {
		log = append(log, eventstore.Event{
			Position: r.Position, ID: r.EventID, StreamType: r.StreamType, StreamID: r.StreamID, Version: r.Version, Type: r.Type, Schema: r.Schema,
			Data: r.Data, Metadata: r.Metadata, EffectiveAt: r.EffectiveAt, RecordedAt: r.RecordedAt,
		})
	}
	return log
}

// Load puts the log into a database that has the schema and no events. It needs the owner's pool.
func Load(ctx context.Context, t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	log := Events(t)
	columns := []string{"position", "version", "effective_at", "recorded_at", "event_id", "stream_id", "schema", "stream_type", "type", "data", "metadata"}
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"events"}, columns, pgx.CopyFromSlice(len(log), func(i int) ([]any, error) {
			e := &log[i]
			return []any{e.Position, e.Version, e.EffectiveAt, e.RecordedAt, e.ID, e.StreamID, int16(e.Schema), e.StreamType, e.Type, e.Data, e.Metadata}, nil //nolint:gosec // small
		}))
		if err != nil {
			return fmt.Errorf("copy the events: %w", err)
		}
		last := log[len(log)-1]
		_, err = tx.Exec(ctx, `UPDATE log_head SET position = $1, recorded_at = $2, event_id = $3`, last.Position, last.RecordedAt, last.ID)
		return err
	})
	if err != nil {
		t.Fatalf("load the first log: %v", err)
	}
}

func lines[T any](t testing.TB, packed []byte) (all []T) {
	t.Helper()
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(unpacked); decoder.More(); {
		var one T
		if err := decoder.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}
