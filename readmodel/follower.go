package readmodel

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Follower brings a generation that serves nobody up to date, step by step, from the log alone. The checkpoint's
// compare-and-set sorts out who was first when another does the same.
type Follower struct {
	runner *runner
	log    Log
}

// NewFollower returns a follower of the generation at the place. Parts needs Pool, Log, Decoder and Logger.
func NewFollower(parts Parts, config Config, p Projector, place Place) (*Follower, error) {
	r, err := newRunner(parts, config, p, place, newMetrics(prometheus.NewRegistry()))
	if err != nil {
		return nil, err
	}
	return &Follower{r, parts.Log}, nil
}

// ErrMoved means that somebody else has moved the generation meanwhile. Load tells where it stands now.
var ErrMoved = errFenced

// Load returns the generation at the place and its position.
func (f *Follower) Load(ctx context.Context) (generation int, position int64, err error) {
	f.runner.parking = unknownParking() // and with it whatever is remembered
	f.runner.position, err = f.runner.checkpoint.load(ctx, f.runner.pool)
	return f.runner.checkpoint.generation, f.runner.position, err
}

// Position is where the generation stood after the last step.
func (f *Follower) Position() int64 { return f.runner.position }

// Step applies at most one batch of events up to the position, in a transaction of its own.
func (f *Follower) Step(ctx context.Context, through int64) error {
	after := f.runner.position
	if through <= after {
		return nil
	}
	events, err := f.log.ReadLog(ctx, after, int(min(through-after, int64(f.runner.config.Batch))))
	if err != nil {
		return err
	}
	return f.runner.apply(ctx, events)
}

// stepsWithinMax bounds what Within does while others wait.
const stepsWithinMax = 2

// ErrTooFar means that there is more to apply than others could be made to wait for.
var ErrTooFar = errors.New("too far behind to be brought up to date while others wait")

// Within brings the generation to the position inside a transaction that somebody else began. It counts as done when that
// commits: then Load again. The transaction's search path is the place's afterwards.
func (f *Follower) Within(ctx context.Context, tx pgx.Tx, from, through int64) error {
	if through-from > int64(stepsWithinMax*f.runner.config.Batch) {
		return fmt.Errorf("%d events: %w", through-from, ErrTooFar)
	}
	if _, err := tx.Exec(ctx, setSearchPath, f.runner.checkpoint.place.Schema()+", public"); err != nil {
		return fmt.Errorf("set the search path: %w", err)
	}
	for from < through {
		events, err := f.log.ReadLog(ctx, from, int(min(through-from, int64(f.runner.config.Batch))))
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("the log ends at %d, before %d", from, through)
		}
		last := events[len(events)-1].Position
		if _, err := f.runner.step(ctx, tx, from, last, events, nil); err != nil {
			return err
		}
		from = last
	}
	return nil
}

const setSearchPath = `SELECT set_config('search_path', $1, true)`
