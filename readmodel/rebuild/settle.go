package rebuild

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel"
)

// settleEvery is how often the pages written since are visited.
const settleEvery = 500 * time.Millisecond

// settler reads what a replay has just written. Who reads a row first notes in its page whether its transaction was committed, and a page that is
// changed for the first time after a checkpoint goes to the write-ahead log whole. Done soon, most pages are spared that; left to the making of
// the key, it takes as long as the sorting.
type settler struct {
	pool   *pgxpool.Pool
	tables []*settling
}

// settling is how far the pages of a table were visited.
type settling struct {
	name            string
	visited, before int64 // pages: before is how many there were at the visit before, whose rows are committed by now
}

func newSettler(pool *pgxpool.Pool, jobs []*job) *settler {
	s := &settler{pool: pool}
	for _, j := range jobs {
		for _, table := range j.projector.Tables {
			s.tables = append(s.tables, &settling{name: readmodel.PlaceNext.Table(table)})
		}
	}
	return s
}

// run visits until ctx is done. Nothing depends on it.
func (s *settler) run(ctx context.Context) {
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for _, t := range s.tables {
			if t.visit(ctx, s.pool) != nil {
				break // the next time, or not at all
			}
		}
	}
}

const selectPages = `SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint`

func (t *settling) visit(ctx context.Context, pool *pgxpool.Pool) error {
	var pages int64
	if err := pool.QueryRow(ctx, selectPages, t.name).Scan(&pages); err != nil {
		return err
	}
	if t.before > t.visited {
		from, to := fmt.Sprintf("(%d,0)", t.visited), fmt.Sprintf("(%d,0)", t.before)
		if _, err := pool.Exec(ctx, "SELECT count(*) FROM "+t.name+" WHERE ctid >= $1::text::tid AND ctid < $2::text::tid", from, to); err != nil {
			return err
		}
		t.visited = t.before
	}
	t.before = pages
	return nil
}
