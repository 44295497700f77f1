package readmodel

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel/internal/db"
)

// firstGeneration has the tables that the migrations make.
const firstGeneration = 1

var (
	// errFenced: somebody else has moved the checkpoint, or the generation. What was applied is undone with the transaction.
	errFenced = errors.New("the checkpoint is not where this instance left it")
	// errStuck: a connection that has gone silent takes the transaction with it; another connection is tried.
	errStuck = errors.New("the transaction took longer than it may")
	// errAhead: the log was restored to before the checkpoint. The rows contain what never happened.
	errAhead = errors.New("the checkpoint is ahead of the log: the log was restored, the rows must be rebuilt")
	// errOtherCode: rows of one version of the code are not continued by another.
	errOtherCode = errors.New("the rows were made by another version of the projection: they must be rebuilt")
	// errOlderCode: an instance of newer code has rebuilt the rows, during a roll-out. They are its to continue.
	errOlderCode = errors.New("the rows were made by a newer version of the projection: they are left to it")
	// errNoGeneration: there is none at the place.
	errNoGeneration = errors.New("there is no generation")
)

// checkpoint is the row that says how far the generation at a place has come. generation is 0 until it is loaded.
type checkpoint struct {
	projection  string
	place       Place
	codeVersion int
	generation  int
}

// load returns the position. The first live generation is begun if there is none.
func (c *checkpoint) load(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	q := db.New(pool)
	row, err := q.LoadCheckpoint(ctx, db.LoadCheckpointParams{Projection: c.projection, Place: string(c.place)})
	if errors.Is(err, pgx.ErrNoRows) {
		if c.place != PlaceLive {
			return 0, errNoGeneration
		}
		c.generation = firstGeneration
		return 0, c.begin(ctx, q)
	}
	if err != nil {
		return 0, fmt.Errorf("load the checkpoint: %w", err)
	}
	c.generation = row.Generation
	if row.CodeVersion > c.codeVersion {
		return row.Position, fmt.Errorf("%w: theirs is %d, this one is %d", errOlderCode, row.CodeVersion, c.codeVersion)
	}
	if row.CodeVersion < c.codeVersion {
		return row.Position, fmt.Errorf("%w: theirs is %d, this one is %d", errOtherCode, row.CodeVersion, c.codeVersion)
	}
	if row.Position > row.Head {
		return row.Position, fmt.Errorf("%w: it is %d, the log ends at %d", errAhead, row.Position, row.Head)
	}
	return row.Position, nil
}

// notOurs tells that there is nothing at the place which this code can continue.
func notOurs(err error) bool {
	return errors.Is(err, errNoGeneration) || errors.Is(err, errOtherCode) || errors.Is(err, errOlderCode)
}

// begin loses a race without an error: the compare-and-set sorts out who was first.
func (c *checkpoint) begin(ctx context.Context, q *db.Queries) error {
	err := q.BeginCheckpoint(ctx, db.BeginCheckpointParams{Projection: c.projection, Generation: c.generation, CodeVersion: c.codeVersion})
	if err != nil {
		return fmt.Errorf("begin the checkpoint: %w", err)
	}
	return nil
}

// advance moves the checkpoint within the transaction that applies the events between. It comes first there: its row lock
// lets a second instance wait until it can be told that it lost, instead of working in vain. It returns the number of the last
// change of what is parked.
func (c *checkpoint) advance(ctx context.Context, tx pgx.Tx, after, through int64) (parking int64, err error) {
	parking, err = db.New(tx).AdvanceCheckpoint(ctx, db.AdvanceCheckpointParams{
		Projection: c.projection, Generation: c.generation, CodeVersion: c.codeVersion, Place: string(c.place), After: after, Through: through,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, errFenced
	}
	if err != nil {
		return 0, fmt.Errorf("move the checkpoint: %w", err)
	}
	return parking, nil
}

// causeMax keeps the status readable; the log of the process has the rest.
const causeMax = 1_000

// stop tells everyone why the position cannot be passed.
func (c *checkpoint) stop(ctx context.Context, pool *pgxpool.Pool, position int64, cause error) error {
	err := db.New(pool).StopCheckpoint(ctx, db.StopCheckpointParams{
		Projection: c.projection, Generation: c.generation, Position: position, Cause: shortened(cause.Error()),
	})
	if err != nil {
		return fmt.Errorf("record the stop: %w", err)
	}
	return nil
}

// BeginLive makes sure that the projection has a live generation: the first one, empty, if there is none.
func BeginLive(ctx context.Context, pool *pgxpool.Pool, p Projector) error {
	c := checkpoint{projection: p.Name, place: PlaceLive, codeVersion: p.Version}
	_, err := c.load(ctx, pool)
	if notOurs(err) || errors.Is(err, errAhead) {
		return nil
	}
	return err
}
