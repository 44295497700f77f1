package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// remedy is what repairs a finding. Several findings may have the same.
type remedy struct {
	projection string // its generation is folded anew
	generation int
	place      readmodel.Place
	snapshots  bool
	marks      bool
	skips      bool
	stream     bool
}

// Repair applies the remedies of the findings and returns what was done. It can be repeated. What has no remedy is left alone.
func (d *Doctor) Repair(ctx context.Context, diagnosis Diagnosis) (done []string, err error) {
	var generations []remedy
	var all remedy
	for _, f := range diagnosis.Findings {
		r := f.remedy
		if r.projection != "" && !slices.Contains(generations, r) {
			generations = append(generations, r)
		}
		all.snapshots = all.snapshots || r.snapshots
		all.marks = all.marks || r.marks || r.projection != ""
		all.skips = all.skips || r.skips
		all.stream = all.stream || r.stream
	}
	for _, r := range generations {
		what, err := d.foldAnew(ctx, r)
		if err != nil {
			return done, err
		}
		done = append(done, what)
	}
	if all.stream {
		if err := d.stream.Delete(ctx); err != nil {
			return done, err
		}
		done = append(done, "stream deleted")
	}
	if all.marks || all.snapshots || all.skips {
		what, err := d.forget(ctx, all)
		if err != nil {
			return done, err
		}
		done = append(done, what...)
	}
	return done, nil
}

// forget drops what is evidence, or a saving of time, alone.
func (d *Doctor) forget(ctx context.Context, r remedy) (done []string, err error) {
	q := db.New(d.pool)
	if r.marks {
		n, err := q.DropStrangeMarks(ctx)
		if err != nil {
			return done, fmt.Errorf("forget marks: %w", err)
		}
		done = append(done, fmt.Sprintf("%d marks forgotten", n))
	}
	if r.skips {
		n, err := q.DropStrangeSkips(ctx)
		if err != nil {
			return done, fmt.Errorf("forget what was to be passed over: %w", err)
		}
		done = append(done, fmt.Sprintf("%d events that are gone are no longer passed over", n))
	}
	if r.snapshots {
		n, err := q.DropSnapshots(ctx)
		if err != nil {
			return done, fmt.Errorf("throw snapshots away: %w", err)
		}
		done = append(done, fmt.Sprintf("%d snapshots thrown away", n))
	}
	return done, nil
}

// errGone: the generation is not there any more. Another examination will tell.
var errGone = errors.New("the generation has changed since the examination: look again")

func (d *Doctor) projector(name string) readmodel.Projector {
	for _, p := range d.projectors {
		if p.Name == name {
			return p
		}
	}
	panic("doctor: a finding about " + name + ", which is not examined")
}

// foldAnew empties the live generation, or drops another.
func (d *Doctor) foldAnew(ctx context.Context, r remedy) (done string, err error) {
	p := d.projector(r.projection)
	if r.place == readmodel.PlaceLive {
		return d.empty(ctx, p, r)
	}
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		g, dropped, err := readmodel.Drop(ctx, tx, p, r.place)
		if err == nil && (!dropped || g.Number != r.generation) {
			err = errGone
		}
		if err != nil {
			return err
		}
		done = fmt.Sprintf("%s, generation %d: dropped", p.Name, r.generation)
		return db.New(tx).DropMarks(ctx, db.DropMarksParams{Subject: p.Name, Generation: r.generation})
	})
	if err != nil {
		return "", fmt.Errorf("drop generation %d of %s: %w", r.generation, p.Name, err)
	}
	return done, nil
}

// empty empties the tables of the live generation together with its checkpoint. Its runner, wherever it is, finds the checkpoint
// moved and begins again from there.
func (d *Doctor) empty(ctx context.Context, p readmodel.Projector, r remedy) (done string, err error) {
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		q := db.New(tx)
		position, err := q.LockCheckpoint(ctx, db.LockCheckpointParams{Projection: p.Name, Generation: r.generation})
		if errors.Is(err, pgx.ErrNoRows) {
			return errGone
		}
		if err != nil {
			return err
		}
		for _, table := range p.Tables {
			if _, err := tx.Exec(ctx, "TRUNCATE "+r.place.Table(table)); err != nil {
				return fmt.Errorf("empty table %s: %w", table, err)
			}
		}
		// What was parked is tried again: it may be of the history that is gone.
		if err := q.DropParked(ctx, db.DropParkedParams{Projection: p.Name, Generation: r.generation}); err != nil {
			return err
		}
		if err := q.DropAttempts(ctx, db.DropAttemptsParams{Projection: p.Name, Generation: r.generation}); err != nil {
			return err
		}
		if _, err := q.ResetCheckpoint(ctx, db.ResetCheckpointParams{Projection: p.Name, Generation: r.generation}); err != nil {
			return err
		}
		done = fmt.Sprintf("%s, generation %d: emptied, its checkpoint set from %d to 0", p.Name, r.generation, position)
		return q.DropMarks(ctx, db.DropMarksParams{Subject: p.Name, Generation: r.generation})
	})
	if err != nil {
		return "", fmt.Errorf("fold %s anew: %w", p.Name, err)
	}
	return done, nil
}
