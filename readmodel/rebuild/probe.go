package rebuild

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel/internal/db"
)

// Pressed is from when the bank counts as slow. A laptop at rest commits within a few milliseconds; a client that waits for a
// tenth of a second notices.
type Pressed struct {
	Commit time.Duration // a small durable commit
	Read   time.Duration // a look-up of one row
	Lag    time.Duration // age of the oldest event that a live generation has not applied, while it grows
}

// DefaultPressed are the bounds of a bank that has nothing better to say.
func DefaultPressed() Pressed {
	return Pressed{Commit: 60 * time.Millisecond, Read: 40 * time.Millisecond, Lag: 2 * time.Second}
}

// probeEvery is how often the bank is felt.
const probeEvery = 250 * time.Millisecond

// probe feels how fast the bank is.
type probe struct {
	pool    *pgxpool.Pool
	pressed Pressed
	names   []string // of the projections that are rebuilt
	before  map[string]db.LivePositionsRow
}

// run feels the bank until ctx is done.
func (p *probe) run(ctx context.Context, feel func(pressed bool)) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if pressed, err := p.once(ctx); err == nil {
			feel(pressed)
		}
	}
}

// once does what users do, and looks at the clock. The statement that commits is the rebuild's own sign of life.
func (p *probe) once(ctx context.Context) (pressed bool, err error) {
	q := db.New(p.pool)
	started := time.Now()
	if err := q.TouchRebuilds(ctx, p.names); err != nil {
		return false, err
	}
	committed := time.Now()
	rows, err := q.LivePositions(ctx)
	if err != nil {
		return false, err
	}
	read := time.Since(committed)
	return committed.Sub(started) > p.pressed.Commit || read > p.pressed.Read || p.falling(rows), nil
}

// falling tells whether a live generation that moves falls further behind. One that stands still has other troubles.
func (p *probe) falling(rows []db.LivePositionsRow) (falling bool) {
	now := make(map[string]db.LivePositionsRow, len(rows))
	for _, row := range rows {
		before := p.before[row.Projection]
		moves := before.Position > 0 && row.Position > before.Position
		falling = falling || moves && row.LagMilliseconds > before.LagMilliseconds && row.LagMilliseconds > p.pressed.Lag.Milliseconds()
		now[row.Projection] = row
	}
	p.before = now
	return falling
}
