package denials

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// RetentionMin is the shortest time for which denials are kept. The database holds everybody to it.
const RetentionMin = 30 * 24 * time.Hour

const (
	forgetEvery = time.Hour
	forgetBatch = 5_000 // rows a statement, so that none takes long
)

// Retention forgets what has been kept long enough.
type Retention struct {
	pool *pgxpool.Pool
	kept time.Duration
	log  *slog.Logger
}

// NewRetention keeps denials for so long. The pool's role must be the projector's.
func NewRetention(pool *pgxpool.Pool, kept time.Duration, log *slog.Logger) *Retention {
	return &Retention{pool, kept, log}
}

// Run forgets once an hour until ctx is done.
func (r *Retention) Run(ctx context.Context) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		n, err := r.Forget(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.log.Warn("old denials are not forgotten", slog.Any("error", err))
		case n > 0:
			r.log.Info("old denials are forgotten", slog.Int64("rows", n))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Forget forgets what is too old, and tells how many rows that were.
func (r *Retention) Forget(ctx context.Context) (forgotten int64, err error) {
	before := time.Now().Add(-max(r.kept, RetentionMin))
	for {
		var n int64
		if err := r.pool.QueryRow(ctx, forgetSQL, before, forgetBatch).Scan(&n); err != nil {
			return forgotten, fmt.Errorf("forget denials: %w", err)
		}
		forgotten += n
		if n < forgetBatch {
			return forgotten, nil
		}
	}
}
