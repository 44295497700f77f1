package eventstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Snapshot is the state of a stream at a version. Snapshots are disposable: one that is missing or whose fold is not the
// reader's is passed over, and the stream is read from its beginning.
type Snapshot struct {
	StreamID uuid.UUID
	Version  int64
	Fold     string // fingerprint of the code that folded it
	State    []byte // JSON
}

// Loader receives what Load reads: for each stream at most one snapshot, before all events; then the events behind it, in
// order. An error ends the load and is returned.
type Loader interface {
	Snapshot(Snapshot) error
	Event(Event) error
}

const (
	selectSnapshots = `SELECT stream_id, version, state FROM snapshots WHERE stream_id = ANY($1) AND fold = $2`
	selectTails     = `
SELECT ` + eventColumns + `
FROM unnest($1::uuid[], $2::bigint[]) AS want(id, after)
CROSS JOIN LATERAL (SELECT * FROM events e WHERE e.stream_id = want.id AND e.version > want.after ORDER BY e.version) AS tail`

	upsertSnapshots = `
INSERT INTO snapshots (stream_id, version, fold, state)
SELECT s.stream_id, s.version, s.fold, s.state::json
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS s(stream_id, version, fold, state)
ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, fold = excluded.fold, state = excluded.state, taken_at = now()
WHERE snapshots.version < excluded.version OR snapshots.fold <> excluded.fold`
)

// Load reads many streams at once: the snapshots whose fold is the caller's, and the events behind each. It holds one row
// in memory at a time.
func (s *Store) Load(ctx context.Context, ids []uuid.UUID, fold string, into Loader) error {
	return load(ctx, s.pool, ids, fold, into)
}

func load(ctx context.Context, q querier, ids []uuid.UUID, fold string, into Loader) error {
	after, err := loadSnapshots(ctx, q, ids, fold, into)
	if err != nil {
		return fmt.Errorf("load snapshots: %w", err)
	}
	if err := loadTails(ctx, q, ids, after, into); err != nil {
		return fmt.Errorf("load streams: %w", err)
	}
	return nil
}

func loadSnapshots(ctx context.Context, q querier, ids []uuid.UUID, fold string, into Loader) (map[uuid.UUID]int64, error) {
	rows, err := q.Query(ctx, selectSnapshots, raw(ids), fold)
	if err != nil {
		return nil, err
	}
	after := make(map[uuid.UUID]int64, len(ids))
	s := Snapshot{Fold: fold}
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&s.StreamID), &s.Version, &s.State}, func() error {
		after[s.StreamID] = s.Version
		return into.Snapshot(s)
	})
	return after, err
}

func loadTails(ctx context.Context, q querier, ids []uuid.UUID, after map[uuid.UUID]int64, into Loader) error {
	versions := make([]int64, len(ids))
	for i, id := range ids {
		versions[i] = after[id]
	}
	rows, err := q.Query(ctx, selectTails, raw(ids), versions)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e Event
		if err := scanEvent(rows, &e); err != nil {
			return err
		}
		if err := into.Event(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// SaveSnapshots stores the snapshots, each unless a later one of the same fold is there already.
func (s *Store) SaveSnapshots(ctx context.Context, snapshots []Snapshot) error {
	ids, versions := make([][16]byte, len(snapshots)), make([]int64, len(snapshots))
	folds, states := make([]string, len(snapshots)), make([][]byte, len(snapshots))
	for i, snapshot := range snapshots {
		ids[i], versions[i], folds[i], states[i] = snapshot.StreamID, snapshot.Version, snapshot.Fold, snapshot.State
	}
	if _, err := s.pool.Exec(ctx, upsertSnapshots, ids, versions, folds, states); err != nil {
		return fmt.Errorf("save snapshots: %w", err)
	}
	return nil
}
