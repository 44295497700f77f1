package readmodel

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/readmodel/internal/db"
)

// Generation is one set of a projection's tables.
type Generation struct {
	Number      int   `json:"generation"`
	CodeVersion int   `json:"code_version"`
	Place       Place `json:"place"`
	Position    int64 `json:"position"`
}

// Generations are those of one projection, as one statement saw them.
type Generations []Generation

// At returns the generation at the place.
func (gs Generations) At(place Place) (Generation, bool) {
	for _, g := range gs {
		if g.Place == place {
			return g, true
		}
	}
	return Generation{}, false
}

// LoadGenerations returns the generations of a projection and the head of the log.
func LoadGenerations(ctx context.Context, pool *pgxpool.Pool, projection string) (gs Generations, head int64, err error) {
	rows, err := db.New(pool).Generations(ctx, projection)
	if err != nil {
		return nil, 0, fmt.Errorf("read the generations of %s: %w", projection, err)
	}
	for _, row := range rows {
		gs, head = append(gs, Generation{row.Generation, row.CodeVersion, Place(row.Place), row.Position}), row.Head
	}
	return gs, head, nil
}

// lockGenerations holds off everyone who moves a checkpoint of the projection, until the transaction ends.
func lockGenerations(ctx context.Context, tx pgx.Tx, projection string) (Generations, error) {
	rows, err := db.New(tx).LockGenerations(ctx, projection)
	if err != nil {
		return nil, fmt.Errorf("lock the generations of %s: %w", projection, err)
	}
	var gs Generations
	for _, row := range rows {
		gs = append(gs, Generation{row.Generation, row.CodeVersion, Place(row.Place), row.Position})
	}
	return gs, nil
}

// ErrNoLive means that the projection has never begun: there is nothing to rebuild.
var ErrNoLive = errors.New("the projection has no live generation")

// ErrNextExists means that a rebuild of the projection has begun already.
var ErrNextExists = errors.New("the next generation exists already")

// CreateNext begins the next generation within the transaction: bare copies of the live tables, with their checks and without
// keys and indexes, and a checkpoint at 0.
func CreateNext(ctx context.Context, tx pgx.Tx, p Projector) (Generation, error) {
	gs, err := lockGenerations(ctx, tx, p.Name)
	if err != nil {
		return Generation{}, err
	}
	if _, ok := gs.At(PlaceLive); !ok {
		return Generation{}, ErrNoLive
	}
	if _, ok := gs.At(PlaceNext); ok {
		return Generation{}, ErrNextExists
	}
	next := Generation{Number: gs[len(gs)-1].Number + 1, CodeVersion: p.Version, Place: PlaceNext}
	for _, table := range p.Tables {
		if err := copyBare(ctx, tx, table); err != nil {
			return Generation{}, err
		}
	}
	err = db.New(tx).BeginGeneration(ctx, db.BeginGenerationParams{
		Projection: p.Name, Generation: next.Number, CodeVersion: next.CodeVersion})
	if err != nil {
		return Generation{}, fmt.Errorf("begin generation %d of %s: %w", next.Number, p.Name, err)
	}
	return next, nil
}

// copyBare copies what a table is and nothing of what is in it. Keys and indexes come after the rows: see Complete.
func copyBare(ctx context.Context, tx pgx.Tx, table string) error {
	next := PlaceNext.Table(table)
	for _, sql := range []string{
		"CREATE TABLE " + next + " (LIKE " + PlaceLive.Table(table) + " INCLUDING ALL EXCLUDING INDEXES)",
		"GRANT SELECT ON " + next + " TO passbook_query",
		// What is filled at once is vacuumed once it serves: until then a vacuum would take its time from the rebuild.
		"ALTER TABLE " + next + " SET (autovacuum_enabled = off)",
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("copy the definition of table %s: %w", table, err)
		}
	}
	return nil
}

// missingSQL lists, as statements without a schema, what the table of the next generation lacks of the live one's definition.
// The search path must name readmodel first, for the definitions to come out unqualified. What was made before an interruption
// is left out. By hand: sqlc does not know the catalog.
const missingSQL = `
SELECT statement FROM (
    SELECT 1 AS step, format('ALTER TABLE %I SET (%s)', t.relname, array_to_string(t.reloptions, ', ')) AS statement
    FROM pg_class t WHERE t.oid = $1::text::regclass AND t.reloptions IS NOT NULL
    UNION ALL
    SELECT 2, format('ALTER TABLE %I ADD CONSTRAINT %I %s', t.relname, con.conname, pg_get_constraintdef(con.oid, true))
    FROM pg_constraint con JOIN pg_class t ON t.oid = con.conrelid
    WHERE con.conrelid = $1::text::regclass AND con.contype IN ('p', 'u', 'x')
      AND NOT EXISTS (SELECT FROM pg_constraint made WHERE made.conname = con.conname AND made.connamespace = 'readmodel_next'::regnamespace)
    UNION ALL
    SELECT 3, pg_get_indexdef(i.indexrelid, 0, true)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = $1::text::regclass
      AND NOT EXISTS (SELECT FROM pg_constraint con WHERE con.conindid = i.indexrelid)
      AND NOT EXISTS (SELECT FROM pg_class made WHERE made.relname = c.relname AND made.relnamespace = 'readmodel_next'::regnamespace)
    UNION ALL
    SELECT 4, format('ANALYZE %I', t.relname) FROM pg_class t WHERE t.oid = $1::text::regclass
) AS missing ORDER BY step, statement`

// Complete gives the tables of the next generation what CreateNext left out: keys, indexes, storage parameters, statistics. It
// may be called again after an interruption. onStatement is told of each statement before it runs.
func Complete(ctx context.Context, conn *pgx.Conn, p Projector, onStatement func(sql string)) error {
	for _, table := range p.Tables {
		if err := setPath(ctx, conn, PlaceLive); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, missingSQL, PlaceLive.Table(table))
		if err != nil {
			return fmt.Errorf("read the definition of %s: %w", table, err)
		}
		statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("read the definition of %s: %w", table, err)
		}
		if err := setPath(ctx, conn, PlaceNext); err != nil {
			return err
		}
		for _, sql := range statements {
			onStatement(sql)
			if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("complete table %s: %s: %w", table, sql, err)
			}
		}
	}
	return nil
}

func setPath(ctx context.Context, conn *pgx.Conn, place Place) error {
	if _, err := conn.Exec(ctx, `SELECT set_config('search_path', $1, false)`, place.Schema()+", public"); err != nil {
		return fmt.Errorf("set the search path: %w", err)
	}
	return nil
}

// moveTables moves the tables of a projection to another place: the transaction has them for itself until it ends.
func moveTables(ctx context.Context, tx pgx.Tx, p Projector, from, to Place) error {
	for _, table := range p.Tables {
		sql := "ALTER TABLE " + from.Table(table) + " SET SCHEMA " + pgx.Identifier{to.Schema()}.Sanitize()
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("move table %s from %s to %s: %w", table, from, to, err)
		}
	}
	return nil
}

// holdTables keeps vacuums away from tables, without holding up anybody who reads or writes them. One that is at work is ended by
// Postgres after it has been waited for for a second.
func holdTables(ctx context.Context, tx pgx.Tx, p Projector, places ...Place) error {
	if err := setLockTimeout(ctx, tx, holdLockTimeout); err != nil {
		return err
	}
	for _, place := range places {
		for _, table := range p.Tables {
			if _, err := tx.Exec(ctx, "LOCK TABLE "+place.Table(table)+" IN SHARE UPDATE EXCLUSIVE MODE"); err != nil {
				return fmt.Errorf("hold table %s: %w", table, err)
			}
		}
	}
	return nil
}

func setLockTimeout(ctx context.Context, tx pgx.Tx, timeout string) error {
	if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true)`, timeout); err != nil {
		return fmt.Errorf("set the lock timeout: %w", err)
	}
	return nil
}

// openToVacuum ends what CreateNext began.
func openToVacuum(ctx context.Context, tx pgx.Tx, p Projector) error {
	for _, table := range p.Tables {
		if _, err := tx.Exec(ctx, "ALTER TABLE "+PlaceLive.Table(table)+" RESET (autovacuum_enabled)"); err != nil {
			return fmt.Errorf("open table %s to vacuums: %w", table, err)
		}
	}
	return nil
}

// placeGeneration says where a generation's tables stand now.
func placeGeneration(ctx context.Context, tx pgx.Tx, projection string, generation int, place Place) error {
	err := db.New(tx).PlaceGeneration(ctx, db.PlaceGenerationParams{
		Projection: projection, Generation: generation, Place: string(place)})
	if err != nil {
		return fmt.Errorf("place generation %d of %s: %w", generation, projection, err)
	}
	return nil
}

// Drop removes the generation at a place, which must not be the live one, and its rebuild with it. Without one it does nothing
// and returns false.
func Drop(ctx context.Context, tx pgx.Tx, p Projector, place Place) (Generation, bool, error) {
	if place == PlaceLive {
		panic("readmodel: the live generation is not dropped")
	}
	gs, err := lockGenerations(ctx, tx, p.Name)
	if err != nil {
		return Generation{}, false, err
	}
	g, ok := gs.At(place)
	if !ok {
		return Generation{}, false, nil
	}
	for _, table := range p.Tables {
		if _, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+place.Table(table)); err != nil {
			return Generation{}, false, fmt.Errorf("drop table %s of generation %d: %w", table, g.Number, err)
		}
	}
	err = db.New(tx).ForgetGeneration(ctx, db.ForgetGenerationParams{Projection: p.Name, Place: string(place)})
	if err != nil {
		return Generation{}, false, fmt.Errorf("forget generation %d of %s: %w", g.Number, p.Name, err)
	}
	err = db.New(tx).EndRebuildOf(ctx, db.EndRebuildOfParams{Projection: p.Name, Generation: g.Number})
	if err != nil {
		return Generation{}, false, fmt.Errorf("end the rebuild of %s: %w", p.Name, err)
	}
	return g, true, nil
}

// A table without statistics is new and small, or has not been looked at since.
const selectTableSize = `
SELECT t.reltuples::bigint, pg_total_relation_size(t.oid) FROM pg_class t WHERE t.oid = $1::text::regclass`

// TableSize returns about how many rows a live table has, and what it takes on disk with its indexes.
func TableSize(ctx context.Context, pool *pgxpool.Pool, table string) (rows, bytes int64, err error) {
	err = pool.QueryRow(ctx, selectTableSize, PlaceLive.Table(table)).Scan(&rows, &bytes)
	if err == nil && rows < 0 {
		err = pool.QueryRow(ctx, "SELECT count(*) FROM "+PlaceLive.Table(table)).Scan(&rows)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the size of table %s: %w", table, err)
	}
	return rows, bytes, nil
}
