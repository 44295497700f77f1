package readmodel

import (
	"context"
	"fmt"
	"time"

	"passbook/readmodel/internal/db"
)

// States of a projection.
const (
	StateLive       = "live"
	StateCatchingUp = "catching_up" // behind by more than liveLag
	StateStopped    = "stopped"     // an event cannot be applied
)

// liveLag: a projection whose oldest pending event is younger counts as live.
const liveLag = time.Second

// Projection is where a generation of a projection stands.
type Projection struct {
	Name            string
	Generation      int
	Live            bool // it serves readers
	Position        int64
	Head            int64 // of the log
	LagEvents       int64
	LagMilliseconds int64 // age of the oldest event not applied, 0 when there is none
	State           string
	Cause           string // of a stop
	Parked          int64  // accounts set aside
	UpdatedAt       time.Time
}

// Projections returns all that ever began, by name and generation.
func (q *Queries) Projections(ctx context.Context) ([]Projection, error) {
	rows, err := db.New(q.pool).Projections(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the projections: %w", err)
	}
	statuses := make([]Projection, len(rows))
	for i, row := range rows {
		statuses[i] = Projection{
			Name: row.Projection, Generation: int(row.Generation), Live: row.Live, Position: row.Position, Head: row.Head,
			LagEvents: max(0, row.Head-row.Position), LagMilliseconds: row.LagMilliseconds,
			State: state(row), Cause: row.Cause, UpdatedAt: row.UpdatedAt.UTC(),
		}
	}
	return statuses, nil
}

func state(row db.ProjectionsRow) string {
	switch {
	case row.State == StateStopped:
		return StateStopped
	case row.LagMilliseconds > liveLag.Milliseconds():
		return StateCatchingUp
	default:
		return StateLive
	}
}
