package eventstore_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"passbook/eventstore"
	"passbook/internal/pgtest"
)

// Transactions are added at the right edge of their index, also behind events that have none: pages that split in the middle would take
// twice the room.
func TestIndexOfTransactionsIsDense(t *testing.T) {
	t.Parallel()
	const events, batch = 20_000, 1_000
	pool := pgtest.New(t, eventstore.Migrations).Pool(t, "passbook_command")
	store := eventstore.New(pool)
	var last uuid.UUID
	add := func(payload func() json.RawMessage) {
		entries := make([]eventstore.Entry, batch)
		for i := range entries {
			entries[i] = eventstore.Entry{Appends: []eventstore.Append{{
				StreamType: "test", StreamID: uuid.New(), Expected: eventstore.AnyVersion,
				Events: []eventstore.NewEvent{{ID: uuid.Must(uuid.NewV7()), Type: "thing.happened", Schema: 1, Data: payload()}},
			}}}
		}
		if _, err := store.Append(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
	add(func() json.RawMessage { return json.RawMessage(`{}`) })
	for range events / batch {
		add(func() json.RawMessage {
			last = uuid.Must(uuid.NewV7())
			return json.RawMessage(`{"transaction_id":"` + last.String() + `"}`)
		})
	}
	var size int64
	if err := pool.QueryRow(t.Context(), `SELECT pg_relation_size('events_transaction')`).Scan(&size); err != nil {
		t.Fatal(err)
	}
	if each := size / events; each > 75 {
		t.Errorf("the index takes %d bytes a transaction", each)
	}
	if found, err := store.FindTransaction(t.Context(), last); err != nil || len(found) != 1 {
		t.Errorf("found %d events of a transaction, %v", len(found), err)
	}
}
