package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/actions"
	"passbook/internal/config"
	"passbook/internal/console"
	"passbook/internal/pgkit"
	"passbook/internal/schema"
)

// terminal is where a command writes and what it was started with.
type terminal struct {
	*console.Console
	environ map[string]string
	args    []string
}

// connsMax is how many connections a command opens at most.
const connsMax = 4

// database opens the database that the environment names, under the projector's role, and makes sure that this binary knows
// its schema. Close it.
func (t *terminal) database(ctx context.Context) (*pgxpool.Pool, error) {
	return t.databaseFor(ctx, connsMax)
}

// databaseFor opens it with more connections.
func (t *terminal) databaseFor(ctx context.Context, conns int32) (*pgxpool.Pool, error) {
	cfg, err := config.LoadOperator(t.environ)
	if err != nil {
		return nil, err
	}
	pool, err := pgkit.Open(ctx, pgkit.Config{
		URL: string(cfg.DatabaseURL), Role: cfg.DatabaseRole, ApplicationName: "passbook projector command", MaxConns: conns,
	})
	if err != nil {
		return nil, err
	}
	if err := pgkit.Current(ctx, pool, schema.Sets()...); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// changeFlags are those of every command that changes something.
type changeFlags struct {
	Yes    bool   `short:"y" help:"Do it without asking. Without a terminal to ask at it is needed."`
	Reason string `help:"Why; kept with the record of the action."`
	As     string `env:"PASSBOOK_OPERATOR" placeholder:"NAME" help:"Who does it; user@host when not given. Kept with the record of the action."`
}

// change does something to the bank's machinery and leaves a record of it: who, when, why, and how it ended. With a preview it
// asks first. do returns what was done, in a few words. An error of do that is ExitUnconfirmed or ExitBusy is recorded as declined.
func (t *terminal) change(ctx context.Context, pool *pgxpool.Pool, command string, flags changeFlags, preview *console.Preview,
	do func(ctx context.Context) (done string, err error),
) error {
	if preview != nil {
		if err := t.Confirm(ctx, *preview, flags.Yes); err != nil {
			return err
		}
	}
	running, err := actions.Begin(ctx, pool, actions.Action{Actor: flags.As, Command: command, Arguments: t.args, Reason: flags.Reason})
	if err != nil {
		return err
	}
	done, failure := do(ctx)
	outcome := actions.Done
	if failure != nil {
		outcome, done = actions.Failed, failure.Error()
		if code := console.ExitCode(failure); code == console.ExitUnconfirmed || code == console.ExitBusy {
			outcome = actions.Declined
		}
	}
	if err := running.End(ctx, outcome, done); err != nil {
		return errors.Join(failure, fmt.Errorf("it is %s, but: %w", outcome, err))
	}
	return failure
}
