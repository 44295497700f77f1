package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const selectAnswers = `
SELECT k.caller, k.key, k.fingerprint, k.stream_id, k.version, k.position, k.status, k.body
FROM idempotency_keys k WHERE k.key_id = ANY($1)`

// Answers returns the stored answers among the keys. A key without one is missing from the map.
func (s *Store) Answers(ctx context.Context, keys []Key) (map[Key]Answer, error) {
	return readAnswers(ctx, s.pool, keys)
}

func readAnswers(ctx context.Context, q querier, keys []Key) (map[Key]Answer, error) {
	found := map[Key]Answer{}
	if len(keys) == 0 {
		return found, nil
	}
	ids := make([][16]byte, len(keys))
	for i, key := range keys {
		ids[i] = key.id()
	}
	rows, err := q.Query(ctx, selectAnswers, ids)
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	var a Answer
	var fingerprint []byte
	_, err = pgx.ForEachRow(rows, []any{&a.Key.Caller, &a.Key.Key, &fingerprint, (*[16]byte)(&a.StreamID), &a.Version, &a.Position, &a.Status, &a.Body}, func() error {
		copy(a.Fingerprint[:], fingerprint)
		found[a.Key] = a
		a.Body = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	return found, nil
}
