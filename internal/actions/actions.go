// Package actions is the trail that operators leave: who did what to the bank's machinery, when, why, and how it ended.
//
// Begin records an action before anything is changed, so that one that kills its process is on record, too; End records the
// outcome. What cannot be recorded must not be done. Nobody can change the records: the role may only insert, and a trigger
// refuses the owner.
package actions

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/user"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/pgkit"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed queries/begin.sql
var beginSQL string

//go:embed queries/end.sql
var endSQL string

//go:embed queries/list.sql
var listSQL string

// Migrations makes the schema operations. It needs the roles and the function that the event store's migrations make.
var Migrations = pgkit.MigrationSet{Name: "operations", Table: "operations_migrations", FS: sub(migrationFiles, "migrations")}

func sub(files embed.FS, dir string) fs.FS {
	root, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return root
}

// Outcomes of an action.
const (
	Done       = "done"
	Failed     = "failed"
	Declined   = "declined"   // the operator, or a check before the change, said no: nothing was changed
	Unfinished = "unfinished" // under way, or its process was killed
)

// Action is one thing that an operator did.
type Action struct {
	ID        int64      `json:"id"`
	BeganAt   time.Time  `json:"began_at"`
	Actor     string     `json:"actor"` // who says to have done it
	Login     string     `json:"login"` // user@host of the process
	Command   string     `json:"command"`
	Arguments []string   `json:"arguments"`
	Reason    string     `json:"reason"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Outcome   string     `json:"outcome"`
	Detail    string     `json:"detail"` // of the outcome: what was done, or the error
}

// Login is the user and host that this process runs as.
func Login() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

// Running is an action that has begun.
type Running struct {
	ID   int64
	pool *pgxpool.Pool
}

// Begin records that the action begins. Without an actor it is the login's.
func Begin(ctx context.Context, pool *pgxpool.Pool, a Action) (*Running, error) {
	login := Login()
	if a.Actor == "" {
		a.Actor = login
	}
	if a.Arguments == nil {
		a.Arguments = []string{}
	}
	r := &Running{pool: pool}
	if err := pool.QueryRow(ctx, beginSQL, a.Actor, login, a.Command, a.Arguments, a.Reason).Scan(&r.ID); err != nil {
		return nil, fmt.Errorf("record the action: %w", err)
	}
	return r, nil
}

// endMax bounds the recording of an outcome, which goes on after the end of ctx.
const endMax = 10 * time.Second

// detailMax keeps the trail readable.
const detailMax = 2_000

// End records the outcome: Done, Failed or Declined. It does not end with ctx, because an interrupted action is worth
// recording most.
func (r *Running) End(ctx context.Context, outcome, detail string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endMax)
	defer cancel()
	text := []rune(detail)
	if _, err := r.pool.Exec(ctx, endSQL, r.ID, outcome, string(text[:min(len(text), detailMax)])); err != nil {
		return fmt.Errorf("record the outcome of action %d: %w", r.ID, err)
	}
	return nil
}

// List returns up to limit actions before an id (0: the latest), newest first.
func List(ctx context.Context, pool *pgxpool.Pool, before int64, limit int) ([]Action, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	rows, err := pool.Query(ctx, listSQL, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list actions: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Action, err error) {
		err = row.Scan(&a.ID, &a.BeganAt, &a.Actor, &a.Login, &a.Command, &a.Arguments, &a.Reason, &a.EndedAt, &a.Outcome, &a.Detail)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list actions: %w", err)
	}
	return found, nil
}
