package doctor

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// Stream is the JetStream stream: *feed.Feed.
type Stream interface {
	Inspect(ctx context.Context) (readmodel.Transport, error)
	// At returns the first message of a position or a later one; false when there is none.
	At(ctx context.Context, position int64) (readmodel.Message, bool, error)
	// Delete deletes the stream with its consumers. That there is none is no error.
	Delete(ctx context.Context) error
}

// Doctor examines one bank.
type Doctor struct {
	pool       *pgxpool.Pool
	queries    *readmodel.Queries
	stream     Stream // nil: what a projector has recorded of it is looked at
	projectors []readmodel.Projector
}

// New returns a doctor. The pool has the role passbook_projector; without a stream none is repaired.
func New(pool *pgxpool.Pool, stream Stream, projectors []readmodel.Projector) *Doctor {
	return &Doctor{pool: pool, queries: readmodel.NewQueries(pool), stream: stream, projectors: projectors}
}

// Finding is one thing that is not of the log.
type Finding struct {
	Thing    string `json:"thing"`                  // "stream", "rows of timeline, generation 1"
	Problem  string `json:"problem"`                // what is wrong with it
	Position int64  `json:"position"`               // how far it goes
	Same     int64  `json:"same_through,omitempty"` // up to there it has the log's history; 0: not known
	Repair   string `json:"repair,omitempty"`       // what repairing it does; "" when it cannot be repaired

	remedy remedy
}

// Diagnosis is what an examination found.
type Diagnosis struct {
	Head       int64     `json:"head"` // of the log
	Findings   []Finding `json:"findings"`
	Unexamined []string  `json:"unexamined"` // what could not be looked at, and why
}

// Healthy reports whether everything was looked at and nothing found.
func (d *Diagnosis) Healthy() bool { return len(d.Findings) == 0 && len(d.Unexamined) == 0 }

// Repairable reports whether something of it can be repaired.
func (d *Diagnosis) Repairable() bool {
	for i := range d.Findings {
		if d.Findings[i].Repair != "" {
			return true
		}
	}
	return false
}

func (d *Diagnosis) add(f Finding) { d.Findings = append(d.Findings, f) }

// Examine compares everything with the log. It reads every row of the read models once.
func (d *Doctor) Examine(ctx context.Context) (Diagnosis, error) {
	diagnosis := Diagnosis{Findings: []Finding{}, Unexamined: []string{}}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, d.pool, snapshot, func(tx pgx.Tx) error {
		for _, examine := range []func(context.Context, pgx.Tx, *Diagnosis) error{d.log, d.projections} {
			if err := examine(ctx, tx, &diagnosis); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return diagnosis, fmt.Errorf("examine the database: %w", err)
	}
	if err := d.transport(ctx, &diagnosis); err != nil {
		return diagnosis, fmt.Errorf("examine the stream: %w", err)
	}
	return diagnosis, nil
}

// log examines the log itself and what stands beside it.
func (d *Doctor) log(ctx context.Context, tx pgx.Tx, found *Diagnosis) error {
	q := db.New(tx)
	ends, err := q.LogEnds(ctx)
	if err != nil {
		return err
	}
	found.Head = ends.Head
	if ends.Head != ends.Last {
		found.add(Finding{Thing: "log", Position: ends.Last,
			Problem: fmt.Sprintf("its head row says %d, its last event is %d: the restore was not of one moment", ends.Head, ends.Last)})
	}
	answers, err := q.AnswersPastTheLog(ctx)
	if err != nil {
		return err
	}
	if answers.Answers > 0 {
		found.add(Finding{Thing: "answers", Position: answers.Furthest,
			Problem: fmt.Sprintf("%d answers are to commands whose events are not in the log: the restore was not of one moment", answers.Answers)})
	}
	if err := d.skips(ctx, q, found); err != nil {
		return err
	}
	snapshots, err := q.SnapshotsPastTheLog(ctx)
	if err != nil {
		return err
	}
	if snapshots > 0 {
		found.add(Finding{Thing: "snapshots", Position: ends.Head, remedy: remedy{snapshots: true},
			Problem: fmt.Sprintf("%d are of versions that their accounts do not have", snapshots), Repair: "throw all snapshots away; accounts are folded from the log when they are needed"})
	}
	return nil
}

// skips examines what operators decided to pass over.
func (d *Doctor) skips(ctx context.Context, q *db.Queries, found *Diagnosis) error {
	skips, err := q.StrangeSkips(ctx)
	if err != nil || skips.Skips == 0 {
		return err
	}
	found.add(Finding{Thing: "events to be passed over", Position: skips.Furthest, remedy: remedy{skips: true},
		Problem: fmt.Sprintf("%d are not in the log", skips.Skips), Repair: "forget that they are to be passed over"})
	return nil
}
