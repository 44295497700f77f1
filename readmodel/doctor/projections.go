package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// strangeRows counts, by table, the rows that do not come from the event that the log has at their position. The tables are those
// of the place that the search path names. By hand: sqlc knows no search path.
var strangeRows = map[string]string{
	"balances": `SELECT count(*), coalesce(min(b.position), 0), coalesce(max(b.position), 0)
FROM balances b LEFT JOIN public.events e ON e.position = b.position
WHERE e.stream_id IS DISTINCT FROM b.account_id OR e.version <> b.version OR e.recorded_at <> b.updated_at`,
	"timeline": `SELECT count(*), coalesce(min(t.position), 0), coalesce(max(t.position), 0)
FROM timeline t LEFT JOIN public.events e ON e.position = t.position
WHERE e.event_id IS DISTINCT FROM t.event_id`,
	"owners": `SELECT count(*), coalesce(min(o.position), 0), coalesce(max(o.position), 0)
FROM owners o LEFT JOIN public.events e ON e.position = o.position
WHERE e.stream_id IS DISTINCT FROM o.account_id OR e.version <> o.version`,
	"holds": `SELECT count(*), coalesce(min(h.position), 0), coalesce(max(h.position), 0)
FROM holds h LEFT JOIN public.events e ON e.position = h.position
WHERE e.stream_id IS DISTINCT FROM h.account_id OR e.version <> h.version OR e.recorded_at <> h.updated_at`,
	"approvals": `SELECT count(*), coalesce(min(a.position), 0), coalesce(max(a.position), 0)
FROM approvals a LEFT JOIN public.events e ON e.position = a.position
WHERE e.stream_id IS DISTINCT FROM a.approval_id OR e.version <> a.version OR e.recorded_at <> a.updated_at`,
	"payments": `SELECT count(*), coalesce(min(p.position), 0), coalesce(max(p.position), 0)
FROM payments p LEFT JOIN public.events e ON e.position = p.position
WHERE e.stream_id IS DISTINCT FROM p.payment_id OR e.version <> p.version OR e.recorded_at <> p.updated_at`,
}

// generation is one that is examined.
type generation struct {
	projector readmodel.Projector
	number    int
	position  int64
	remedy    remedy
	repair    string
}

// generations lists what there is of the projections that this code knows.
func (d *Doctor) generations(ctx context.Context, tx pgx.Tx) ([]generation, error) {
	var all []generation
	for _, p := range d.projectors {
		rows, err := db.New(tx).Generations(ctx, p.Name)
		if err != nil {
			return nil, fmt.Errorf("read the generations of %s: %w", p.Name, err)
		}
		for _, row := range rows {
			g := generation{projector: p, number: row.Generation, position: row.Position,
				remedy: remedy{projection: p.Name, generation: row.Generation, place: readmodel.Place(row.Place)}}
			switch g.remedy.place {
			case readmodel.PlaceLive:
				g.repair = fmt.Sprintf("empty generation %d of %s and fold the log again, %d events; its readers see it grow", g.number, p.Name, row.Head)
			case readmodel.PlacePrevious:
				g.repair = fmt.Sprintf("drop generation %d of %s: there is no rollback to it any more", g.number, p.Name)
			case readmodel.PlaceNext:
				g.repair = fmt.Sprintf("drop generation %d of %s, which is being built, and with it the rebuild", g.number, p.Name)
			}
			all = append(all, g)
		}
	}
	return all, nil
}

// projections examines checkpoints, marks and rows.
func (d *Doctor) projections(ctx context.Context, tx pgx.Tx, found *Diagnosis) error {
	generations, err := d.generations(ctx, tx)
	if err != nil {
		return err
	}
	for i := range generations {
		g := &generations[i]
		if g.position > found.Head {
			found.add(Finding{Thing: fmt.Sprintf("checkpoint of %s, generation %d", g.projector.Name, g.number), Position: g.position,
				Problem: fmt.Sprintf("it is at %d, the log ends at %d", g.position, found.Head), Repair: g.repair, remedy: g.remedy})
		}
		if err := g.rows(ctx, tx, found); err != nil {
			return err
		}
	}
	return d.marks(ctx, tx, generations, found)
}

// rows holds the rows of a generation against the log.
func (g *generation) rows(ctx context.Context, tx pgx.Tx, found *Diagnosis) error {
	if _, err := tx.Exec(ctx, `SELECT set_config('search_path', $1, true)`, g.remedy.place.Schema()+", public"); err != nil {
		return err
	}
	for _, table := range g.projector.Tables {
		sql, known := strangeRows[table]
		if !known {
			return fmt.Errorf("table %s: nobody has said how its rows are held against the log", table)
		}
		var rows, first, furthest int64
		if err := tx.QueryRow(ctx, sql).Scan(&rows, &first, &furthest); err != nil {
			return fmt.Errorf("hold the rows of %s against the log: %w", table, err)
		}
		if rows > 0 {
			f := Finding{Thing: fmt.Sprintf("rows of %s, generation %d", table, g.number), Position: furthest, Repair: g.repair, remedy: g.remedy,
				Problem: fmt.Sprintf("%d rows, of positions %d to %d, come from events that the log does not have there", rows, first, furthest)}
			if table == readmodel.Timeline { // a row for every event: the histories part in front of the first strange one
				f.Same = first - 1
			}
			found.add(f)
		}
	}
	return nil
}

// marks examines what was recorded of the past. Of the log and the relay it is evidence alone.
func (d *Doctor) marks(ctx context.Context, tx pgx.Tx, generations []generation, found *Diagnosis) error {
	rows, err := db.New(tx).StrangeMarks(ctx)
	if err != nil {
		return fmt.Errorf("hold the marks against the log: %w", err)
	}
	for _, m := range rows {
		f := Finding{Thing: fmt.Sprintf("marks of %s", m.Subject), Position: m.Furthest, remedy: remedy{marks: true, snapshots: true},
			Repair:  "forget these marks, and throw all snapshots away: they may be of the history that is gone",
			Problem: fmt.Sprintf("it had reached %d at %s, by events that the log does not have: the log was restored", m.Furthest, m.LastAt.UTC().Format(time.RFC3339))}
		for i := range generations {
			if g := &generations[i]; g.projector.Name == m.Subject && g.number == m.Generation {
				f.Thing += fmt.Sprintf(", generation %d", g.number)
				if m.First <= g.position { // it has not been folded anew since
					f.Repair, f.remedy = g.repair, g.remedy
				}
			}
		}
		found.add(f)
	}
	return nil
}
