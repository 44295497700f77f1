package denials

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/pgkit"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed queries/insert.sql
var insertSQL string

//go:embed queries/list.sql
var listSQL string

//go:embed queries/forget.sql
var forgetSQL string

// Migrations makes the schema audit. It needs the roles and the function that the event store's migrations make.
var Migrations = pgkit.MigrationSet{Name: "audit", Table: "audit_migrations", FS: sub(migrationFiles, "migrations")}

func sub(files embed.FS, dir string) fs.FS {
	root, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return root
}

// database is Postgres.
type database struct{ pool *pgxpool.Pool }

// passing tells whether the same rows may be written later.
func passing(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || pgkit.IsRetryable(err)
}

func (db *database) insert(ctx context.Context, rows []Row) error {
	n := len(rows)
	ids, at, times, status, about := make([]uuid.UUID, n), make([]time.Time, n), make([]int64, n), make([]int16, n), make([]*uuid.UUID, n)
	var texts [10][]string
	for i := range rows {
		r := &rows[i]
		ids[i], at[i], times[i], status[i] = r.ID, r.At, r.Times, int16(r.Status) //nolint:gosec // a status of HTTP
		if r.About != uuid.Nil {
			about[i] = &r.About
		}
		for j, text := range [...]string{r.API, r.Code, r.Method, r.Route, r.Issuer, r.Actor, r.Client, r.UserAgent, r.Address, r.RequestID} {
			texts[j] = append(texts[j], text)
		}
	}
	_, err := db.pool.Exec(ctx, insertSQL, ids, at, times, texts[0], texts[1], status, texts[2], texts[3], about,
		texts[4], texts[5], texts[6], texts[7], texts[8], texts[9])
	if err != nil {
		return fmt.Errorf("write denials: %w", err)
	}
	return nil
}

// Place is where a page of denials ends.
type Place struct {
	At time.Time
	ID uuid.UUID
}

// Filter says which denials are read. What is empty does not matter.
type Filter struct {
	Actor, Code string
	From, To    *time.Time // from <= at < to
	Before      *Place     // those behind the end of a page
	Limit       int
}

// Reader reads the trail.
type Reader struct{ pool *pgxpool.Pool }

// NewReader returns a reader of the trail in the database.
func NewReader(pool *pgxpool.Pool) *Reader { return &Reader{pool} }

// Denials returns a page, newest first, and whether there are more.
func (r *Reader) Denials(ctx context.Context, f Filter) (rows []Row, more bool, err error) {
	before := Place{At: latest}
	if f.To != nil {
		before.At = *f.To
	}
	if f.Before != nil && f.Before.At.Before(before.At) {
		before = *f.Before
	}
	found, err := r.pool.Query(ctx, listSQL, pgx.QueryExecModeExec, before.At, before.ID, optional(f.Actor), optional(f.Code), f.From, f.Limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("list denials: %w", err)
	}
	rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (d Row, err error) {
		var about *uuid.UUID
		err = row.Scan(&d.ID, &d.At, &d.Times, &d.API, &d.Code, &d.Status, &d.Method, &d.Route, &about, &d.Issuer, &d.Actor, &d.Client,
			&d.UserAgent, &d.Address, &d.RequestID)
		if about != nil {
			d.About = *about
		}
		return d, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list denials: %w", err)
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	return rows, more, nil
}

// latest is later than anything.
var latest = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
