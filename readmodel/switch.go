package readmodel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/pgkit"
	"passbook/internal/supervise"
	"passbook/readmodel/internal/db"
)

// A switch needs the tables for itself for the moment of its transaction. It waits for those who read them, and while it waits,
// whoever wants to read waits behind it: so it gives up after switchLockTimeout and tries again later. Before that it keeps vacuums
// away, which end only when they are waited for for more than Postgres' deadlock_timeout, and takes the checkpoints: no reader waits
// behind those.
const (
	switchLockTimeout = "200ms"
	holdLockTimeout   = "5s"
)

// Swap exchanges the generation that serves readers.
type Swap struct {
	Pool      *pgxpool.Pool
	Projector Projector
	// From is where the new live generation comes from: PlaceNext for a switch, PlacePrevious for a rollback.
	From Place
	// Follower brings it to the live generation's position; nil when it stays where it is, though that be behind.
	Follower *Follower
}

// ErrBehind means that readers would be taken back to an earlier position.
var ErrBehind = errors.New("the generation is behind the live one")

// ErrInUse means that readers held the tables for too long. Nothing has changed; try again.
var ErrInUse = errors.New("the tables are in use")

// Do exchanges the tables together with their checkpoints in one transaction: a statement of a reader sees rows and checkpoint of
// the same generation, and a later statement never sees an earlier position, unless there is no Follower. It tries once: after
// ErrInUse and ErrTooFar nothing has changed.
func (s Swap) Do(ctx context.Context) (to Generation, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.hold(ctx, tx); err != nil {
			return err
		}
		to, err = s.within(ctx, tx)
		return err
	})
	if pgkit.SQLState(err) == lockNotAvailable || pgkit.SQLState(err) == deadlockDetected {
		return to, fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return to, err
}

// hold keeps vacuums away from everything that will be moved or dropped, as it stands now.
func (s Swap) hold(ctx context.Context, tx pgx.Tx) error {
	gs, _, err := LoadGenerations(ctx, s.Pool, s.Projector.Name)
	if err != nil {
		return err
	}
	var places []Place
	for _, g := range gs {
		places = append(places, g.Place)
	}
	return holdTables(ctx, tx, s.Projector, places...)
}

const (
	lockNotAvailable = "55P03"
	deadlockDetected = "40P01"
)

func (s Swap) within(ctx context.Context, tx pgx.Tx) (Generation, error) {
	gs, err := lockGenerations(ctx, tx, s.Projector.Name)
	if err != nil {
		return Generation{}, err
	}
	live, ok := gs.At(PlaceLive)
	if !ok {
		return Generation{}, ErrNoLive
	}
	to, ok := gs.At(s.From)
	if !ok {
		return Generation{}, fmt.Errorf("%w at place %s", errNoGeneration, s.From)
	}
	if s.Follower != nil && to.Position < live.Position {
		if err := s.Follower.Within(ctx, tx, to.Position, live.Position); err != nil {
			return Generation{}, err
		}
		to.Position = live.Position
	}
	if err := setLockTimeout(ctx, tx, switchLockTimeout); err != nil {
		return Generation{}, err
	}
	return to, s.exchange(ctx, tx, gs, live, to)
}

// exchange moves tables and says so in the checkpoints. The live one becomes the previous; one that was previous is dropped when
// the new one is next, and becomes the live one when it is what was asked for.
func (s Swap) exchange(ctx context.Context, tx pgx.Tx, gs Generations, live, to Generation) error {
	p := s.Projector
	moves := [][2]Place{{PlaceLive, PlacePrevious}, {PlaceNext, PlaceLive}}
	if s.From == PlacePrevious {
		moves = [][2]Place{{PlaceLive, swap}, {PlacePrevious, PlaceLive}, {swap, PlacePrevious}}
	} else if _, ok := gs.At(PlacePrevious); ok {
		if _, _, err := Drop(ctx, tx, p, PlacePrevious); err != nil {
			return err
		}
	}
	for _, move := range moves {
		if err := moveTables(ctx, tx, p, move[0], move[1]); err != nil {
			return err
		}
	}
	if s.From == PlaceNext {
		if err := openToVacuum(ctx, tx, p); err != nil {
			return err
		}
	}
	if err := placeGeneration(ctx, tx, p.Name, live.Number, PlacePrevious); err != nil {
		return err
	}
	if err := placeGeneration(ctx, tx, p.Name, to.Number, PlaceLive); err != nil {
		return err
	}
	if live.Position == 0 { // nobody goes back to nothing, and to follow the log from its beginning is much work
		if _, _, err := Drop(ctx, tx, p, PlacePrevious); err != nil {
			return err
		}
	}
	return db.New(tx).EndRebuildOf(ctx, db.EndRebuildOfParams{Projection: p.Name, Generation: to.Number})
}

// Pauses between the attempts of a switch: long beside its lock timeout, so that readers are rarely held up.
const (
	switchPause    = 300 * time.Millisecond
	switchPauseMax = 5 * time.Second
)

// Repeat does the exchange again and again while the tables are in use, or the generation too far behind, until ctx is done.
// between is called before each new attempt, with what stood in the way of the one before.
func (s Swap) Repeat(ctx context.Context, between func(ctx context.Context, cause error) error) (Generation, error) {
	for pause := switchPause; ; pause = min(2*pause, switchPauseMax) {
		to, err := s.Do(ctx)
		if !errors.Is(err, ErrInUse) && !errors.Is(err, ErrTooFar) && !errors.Is(err, ErrMoved) {
			return to, err
		}
		if err := between(ctx, err); err != nil {
			return to, err
		}
		if errors.Is(err, ErrInUse) {
			supervise.Wait(ctx, pause)
		}
		if ctx.Err() != nil {
			return to, ctx.Err()
		}
	}
}
