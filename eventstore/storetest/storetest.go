// Package storetest is the contract of the event store, as tests: what every reader and writer of the log leans on, and the
// races in which event stores on Postgres are known to lose it. Run it against each way of opening a store.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
)

// Database is a migrated, empty database of the test's own.
type Database interface {
	// Pool connects as the role; "" is the superuser. The pool is closed when the test ends.
	Pool(t testing.TB, role string) *pgxpool.Pool
	// RoleURL is the connection string of the role.
	RoleURL(role string) string
}

// WriterRole is the database role of whoever appends.
const WriterRole = "passbook_command"

// Env is what a test of the contract gets.
type Env struct {
	Database
	Store *eventstore.Store // as WriterRole
	Pool  *pgxpool.Pool     // behind Store
}

// Run runs the whole contract, each part on a database of its own.
func Run(t *testing.T, open func(t *testing.T) Database) {
	t.Helper()
	for _, part := range parts() {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			pool := db.Pool(t, WriterRole)
			part.run(t, Env{Database: db, Store: eventstore.New(pool), Pool: pool})
		})
	}
}

type part struct {
	name string
	run  func(t *testing.T, env Env)
}

func parts() []part {
	all := appendParts()
	all = append(all, raceParts()...)
	all = append(all, faultParts()...)
	all = append(all, guardParts()...)
	all = append(all, appenderParts()...)
	return append(all, snapshotParts()...)
}

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// entry appends n events to a stream at the expected version.
func entry(stream uuid.UUID, expected int64, n int) eventstore.Entry {
	events := make([]eventstore.NewEvent, n)
	for i := range events {
		events[i] = eventstore.NewEvent{
			ID: uuid.Must(uuid.NewV7()), Type: "thing.happened", Schema: 1,
			Data: fmt.Appendf(nil, `{"n":%d}`, i), Metadata: []byte(`{"actor":"storetest"}`),
		}
	}
	return eventstore.Entry{Appends: []eventstore.Append{{StreamType: "thing", StreamID: stream, Expected: expected, Events: events}}}
}

// keyed is an entry with an answer under the key.
func keyed(stream uuid.UUID, expected int64, key string) eventstore.Entry {
	e := entry(stream, expected, 1)
	e.Answer = &eventstore.Answer{
		Key: eventstore.Key{Caller: "storetest", Key: key}, Fingerprint: [32]byte{1, 2, 3}, StreamID: stream,
		Version: expected + 1, Status: 201, Body: []byte(`{"said":"` + key + `"}`),
	}
	return e
}

// mustAppend appends the entries and fails the test unless all of them stand.
func mustAppend(t *testing.T, store *eventstore.Store, entries ...eventstore.Entry) []eventstore.Verdict {
	t.Helper()
	verdicts, err := store.Append(t.Context(), entries)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	for i, v := range verdicts {
		if v.Err != nil {
			t.Fatalf("append: entry %d: %v", i, v.Err)
		}
	}
	return verdicts
}

// appendAt lays out the entries and appends them behind the head.
func appendAt(ctx context.Context, store *eventstore.Store, head eventstore.Head, at time.Time, entries []eventstore.Entry) error {
	batch, err := eventstore.NewBatch(at, entries...)
	if err != nil {
		return err
	}
	return store.AppendAt(ctx, head, batch)
}

// appendIn lays out the entries and appends them in the session.
func appendIn(ctx context.Context, session *eventstore.Session, entries []eventstore.Entry) error {
	batch, err := eventstore.NewBatch(session.Head().Next(time.Now()), entries...)
	if err != nil {
		return err
	}
	return session.Append(ctx, batch)
}

func head(t *testing.T, store *eventstore.Store) eventstore.Head {
	t.Helper()
	h, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// positions reads the whole log and returns its positions.
func positions(t *testing.T, store *eventstore.Store) []int64 {
	t.Helper()
	events, err := store.ReadLog(t.Context(), 0, eventstore.ReadMax)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]int64, len(events))
	for i, e := range events {
		all[i] = e.Position
	}
	return all
}

// soundLog fails the test unless the log has n events, gapless by position and by version, with a clock that never goes back.
func soundLog(t *testing.T, store *eventstore.Store, n int) {
	t.Helper()
	events, err := store.ReadLog(t.Context(), 0, eventstore.ReadMax)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != n || head(t, store).Position != int64(n) {
		t.Fatalf("the log has %d events and its head is at %d, want %d", len(events), head(t, store).Position, n)
	}
	versions, last := map[uuid.UUID]int64{}, time.Time{}
	for i, e := range events {
		versions[e.StreamID]++
		if e.Position != int64(i+1) || e.Version != versions[e.StreamID] {
			t.Errorf("event %d of the log has position %d, version %d; want version %d", i+1, e.Position, e.Version, versions[e.StreamID])
		}
		if e.RecordedAt.Before(last) {
			t.Errorf("event %d was recorded at %s, before the one before it at %s", e.Position, e.RecordedAt, last)
		}
		last = e.RecordedAt
	}
}
