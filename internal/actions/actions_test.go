package actions_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/internal/actions"
	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func open(t *testing.T) (projector, admin *pgxpool.Pool) {
	t.Helper()
	db := pgtest.New(t, eventstore.Migrations, actions.Migrations)
	return db.Pool(t, "passbook_projector"), db.Pool(t, "")
}

func begin(t *testing.T, pool *pgxpool.Pool, a actions.Action) *actions.Running {
	t.Helper()
	running, err := actions.Begin(t.Context(), pool, a)
	if err != nil {
		t.Fatal(err)
	}
	return running
}

func TestTheTrailTellsWhoDidWhatAndHowItEnded(t *testing.T) {
	t.Parallel()
	pool, _ := open(t)
	first := begin(t, pool, actions.Action{Command: "projector drop", Arguments: []string{"balances", "--generation", "1"}, Reason: "verified", Actor: "ada"})
	if err := first.End(t.Context(), actions.Done, "3 tables dropped"); err != nil {
		t.Fatal(err)
	}
	begin(t, pool, actions.Action{Command: "projector rebuild"})
	list, err := actions.List(t.Context(), pool, 0, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	unfinished, done := list[0], list[1]
	if unfinished.Outcome != actions.Unfinished || unfinished.EndedAt != nil || unfinished.Actor != actions.Login() {
		t.Errorf("the second, of which nothing is known: %+v", unfinished)
	}
	if done.Outcome != actions.Done || done.EndedAt == nil || done.EndedAt.Before(done.BeganAt) || done.Detail != "3 tables dropped" {
		t.Errorf("the end of the first: %+v", done)
	}
	if done.Actor != "ada" || done.Login != actions.Login() || done.Reason != "verified" || strings.Join(done.Arguments, " ") != "balances --generation 1" {
		t.Errorf("the first: %+v", done)
	}
	if page, err := actions.List(t.Context(), pool, list[0].ID, 10); err != nil || len(page) != 1 || page[0].ID != done.ID {
		t.Errorf("before %d: %+v, %v", list[0].ID, page, err)
	}
}

// An interrupted command is worth recording most.
func TestTheOutcomeIsRecordedAfterTheEndOfTheCommand(t *testing.T) {
	t.Parallel()
	pool, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	running := begin(t, pool, actions.Action{Command: "projector rebuild"})
	cancel()
	if err := running.End(ctx, actions.Failed, "interrupted"); err != nil {
		t.Fatal(err)
	}
	if err := running.End(ctx, actions.Done, "after all"); err == nil {
		t.Error("an action ended twice")
	}
}

func TestNobodyChangesTheTrail(t *testing.T) {
	t.Parallel()
	pool, admin := open(t)
	running := begin(t, pool, actions.Action{Command: "projector rebuild"})
	if err := running.End(t.Context(), actions.Done, ""); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"UPDATE operations.actions SET actor = 'someone else'", "DELETE FROM operations.actions", "TRUNCATE operations.actions CASCADE",
		"UPDATE operations.outcomes SET outcome = 'failed'", "DELETE FROM operations.outcomes", "TRUNCATE operations.outcomes",
	} {
		for role, as := range map[string]*pgxpool.Pool{"passbook_projector": pool, "the owner": admin} {
			if _, err := as.Exec(t.Context(), sql); !pgkit.InsufficientPrivilege(err) {
				t.Errorf("%s by %s: %v", sql, role, err)
			}
		}
	}
}
