package readmodel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"passbook/readmodel/internal/db"
)

// ErrStale means that the wait for a position was over before the projections had reached it.
type ErrStale struct {
	Position int64 // how far they had come when last looked at
}

func (e ErrStale) Error() string {
	return fmt.Sprintf("read models have only reached position %d", e.Position)
}

// pollInterval is how often the positions are looked at while somebody waits.
const pollInterval = 5 * time.Millisecond

// WaitFor returns when all the projections have reached the position; none named means all. When the deadline of ctx comes
// first the error is ErrStale. However many wait, one of them looks at the database for all.
func (q *Queries) WaitFor(ctx context.Context, position int64, projections ...string) (Freshness, error) {
	if len(projections) == 0 {
		for _, p := range Projectors() {
			projections = append(projections, p.Name)
		}
	}
	w := &waiter{position: position, projections: projections, reached: make(chan struct{})}
	err := q.waiters.wait(ctx, w, db.New(q.pool).LivePositions)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		return Freshness{}, ErrStale{q.waiters.seen(w).Position}
	}
	if err != nil {
		return Freshness{}, fmt.Errorf("wait for position %d: %w", position, err)
	}
	return q.waiters.seen(w), nil
}

// waiters share one look at the database. Whoever holds the turn looks, for itself and all others, until its own wait is
// over; then another takes the turn. So there is no goroutine to start or stop.
type waiters struct {
	turn chan struct{}

	mu  sync.Mutex
	all []*waiter
}

type waiter struct {
	position    int64
	projections []string
	reached     chan struct{} // closed when it is so
	done        bool
	freshness   Freshness // when last looked at
}

// look reads how far each live projection has come.
type look func(ctx context.Context) ([]db.LivePositionsRow, error)

func (ws *waiters) wait(ctx context.Context, w *waiter, look look) error {
	ws.join(w)
	defer ws.leave(w)
	select {
	case <-w.reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case ws.turn <- struct{}{}:
	}
	defer func() { <-ws.turn }()
	return ws.lookUntil(ctx, w, look)
}

func (ws *waiters) lookUntil(ctx context.Context, w *waiter, look look) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-w.reached:
			return nil
		default:
		}
		positions, err := look(ctx)
		if err != nil {
			return err
		}
		ws.tell(positions)
		select {
		case <-w.reached:
			return nil
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell ends the waits that are over.
func (ws *waiters) tell(positions []db.LivePositionsRow) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.all {
		w.freshness = oldest(positions, w.projections)
		if w.freshness.Position >= w.position && !w.done {
			w.done = true
			close(w.reached)
		}
	}
}

// oldest is the freshness of data that is of all the projections; a projection that has not begun is at position 0.
func oldest(positions []db.LivePositionsRow, projections []string) Freshness {
	var freshness Freshness
	for i, name := range projections {
		var at Freshness
		for _, row := range positions {
			if row.Projection == name {
				at = Freshness{Position: row.Position, LagMilliseconds: row.LagMilliseconds}
			}
		}
		if i == 0 || at.Position < freshness.Position {
			freshness = at
		}
	}
	return freshness
}

func (ws *waiters) join(w *waiter) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.all = append(ws.all, w)
}

func (ws *waiters) leave(w *waiter) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	i := slices.Index(ws.all, w)
	ws.all = slices.Delete(ws.all, i, i+1)
}

func (ws *waiters) seen(w *waiter) Freshness {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return w.freshness
}
