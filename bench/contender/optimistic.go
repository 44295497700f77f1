package contender

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The usual way: read the stream's version, insert the next one, and when another was faster (unique violation) wait a little
// and do it again. No explicit transaction: that would only add round trips.
var optimistic = Contender{
	Name: "optimistic",
	Measures: []Measure{
		{"optimistic/spread/64", "optimistic retry in Go, 10,000 streams, 64 at a time", YardstickWrite},
		{"optimistic/hot/64", "optimistic retry in Go, one stream, 64 at a time", YardstickWrite},
	},
	turn: func(ctx context.Context, s *Stage) error {
		if err := s.exec(ctx, createPlainEvents+"; "+guardVersions); err != nil {
			return err
		}
		o, err := s.newOptimist(ctx)
		if err != nil {
			return err
		}
		ids := make([]uuid.UUID, streams)
		for i := range ids {
			ids[i] = uuid.New()
		}
		if err := s.measure(ctx, "optimistic/spread/64", nil, o.appends(ids)); err != nil {
			return err
		}
		if err := s.measure(ctx, "optimistic/hot/64", nil, o.appends(ids[:1])); err != nil {
			return err
		}
		if err := s.expectRows(ctx, "SELECT count(*) FROM events"); err != nil {
			return err
		}
		return s.expectGapless(ctx, selectGaps)
	},
}

// optimist appends with a session for each worker.
type optimist struct{ pool *pgxpool.Pool }

const optimists = 64

func (s *Stage) newOptimist(ctx context.Context) (*optimist, error) {
	cfg, err := pgxpool.ParseConfig(s.url())
	if err != nil {
		return nil, err
	}
	cfg.MinConns, cfg.MaxConns = optimists, optimists
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.later(func(context.Context) error { pool.Close(); return nil })
	return &optimist{pool}, nil
}

func (o *optimist) appends(ids []uuid.UUID) work {
	return func(ctx context.Context, d time.Duration) (Sample, error) {
		var conflicts atomic.Int64
		sample, err := closedLoop(ctx, optimists, d, func(ctx context.Context, _ int) error {
			id := ids[rand.IntN(len(ids))] //nolint:gosec // a load, nothing secret
			return o.append(ctx, id, &conflicts)
		})
		sample.Conflicts = conflicts.Load()
		return sample, err
	}
}

const (
	selectVersion = "SELECT coalesce(max(version), 0) FROM events WHERE stream_id = $1"
	insertEvent   = "INSERT INTO events (stream_id, version, type, data) VALUES ($1, $2, 'money.deposited', $3)"

	uniqueViolation = "23505"
	waitMin         = time.Millisecond
	waitMax         = 64 * time.Millisecond
)

// append retries until it has written. The wait doubles, with jitter, so that those who collided do not collide again.
func (o *optimist) append(ctx context.Context, id uuid.UUID, conflicts *atomic.Int64) error {
	for wait := waitMin; ; wait = min(2*wait, waitMax) {
		err := o.try(ctx, id)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != uniqueViolation {
			return err
		}
		conflicts.Add(1)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(wait)): //nolint:gosec // it spreads attempts
		}
	}
}

func (o *optimist) try(ctx context.Context, id uuid.UUID) error {
	var version int64
	if err := o.pool.QueryRow(ctx, selectVersion, id).Scan(&version); err != nil {
		return fmt.Errorf("read the version: %w", err)
	}
	if _, err := o.pool.Exec(ctx, insertEvent, id, version+1, payload); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return nil
}
