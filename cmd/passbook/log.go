package main

import (
	"context"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/config"
	"passbook/internal/console"
	"passbook/internal/pgkit"
)

// logFlags are those of the commands that read the log. They need nothing else of the database: its schema may be older or newer
// than this binary's.
type logFlags struct {
	DatabaseURL string `help:"The bank's database ($$DATABASE_URL)." placeholder:"URL"`
	JSON        bool   `name:"json" help:"Write the result as JSON, for machines; progress goes to standard error, an object a line."`
}

// console is where the command talks.
func (f logFlags) console(t terminal) *console.Console {
	c := console.New(strings.NewReader(""), t.stdout, t.stderr)
	c.JSON = f.JSON
	return c
}

// open opens the database under a role that can only read. Close the pool.
func (f logFlags) open(ctx context.Context, t terminal, command string) (*pgxpool.Pool, error) {
	environ := t.environ
	if f.DatabaseURL != "" {
		environ = maps.Clone(environ)
		environ["DATABASE_URL"] = f.DatabaseURL
		delete(environ, "DATABASE_URL_FILE")
	}
	cfg, err := config.LoadLogReader(environ)
	if err != nil {
		return nil, err
	}
	return pgkit.Open(ctx, pgkit.Config{URL: string(cfg.DatabaseURL), Role: cfg.DatabaseRole, ApplicationName: "passbook " + command, MaxConns: 2})
}
