package denials_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/denials"
	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// written has denials written by a trail under the role.
func written(t *testing.T, pool *pgxpool.Pool, all ...denials.Denial) {
	t.Helper()
	trail := denials.New(pool, denials.Config{API: "command"}, slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry())
	for _, d := range all {
		trail.Note(d)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := trail.Run(ended); err != nil { // writes what there is
		t.Fatal(err)
	}
}

func at(minute int) time.Time {
	return time.Date(2026, 11, 21, 9, minute, 0, 123456000, time.UTC)
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, schema.Sets()...)
	full := denials.Denial{
		At: at(1), Code: "insufficient_funds", Status: 422, Method: "POST", Route: "/v1/transfers", About: uuid.New(), Issuer: "https://id", Actor: "ada",
		Client: "till", UserAgent: "curl/8", Address: "2001:db8::1", RequestID: "req-1",
	}
	bare := denials.Denial{At: at(2), Code: "unauthenticated", Status: 401, Method: "GET", Route: "/v1/accounts"}
	written(t, db.Pool(t, "passbook_command"), full, bare)
	rows, more, err := denials.NewReader(db.Pool(t, "passbook_query")).Denials(t.Context(), denials.Filter{Limit: 10})
	if err != nil || more || len(rows) != 2 {
		t.Fatal(rows, more, err)
	}
	full.API, bare.API = "command", "command"
	for i, want := range []denials.Denial{bare, full} {
		if got := rows[i].Denial; got != want || rows[i].Times != 1 {
			t.Errorf("%+v\nwant %+v", rows[i], want)
		}
	}
}

// Pages that follow each other hold every row once, whatever the filters, also where many have the same time.
func TestPages(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, schema.Sets()...)
	var all []denials.Denial
	for i := range 60 {
		all = append(all, denials.Denial{At: at(i / 20), Code: []string{"not_found", "insufficient_scope"}[i%2], Status: 404, Method: "GET", Route: "/x",
			Actor: fmt.Sprint("actor-", i%3), RequestID: fmt.Sprint(i)})
	}
	written(t, db.Pool(t, "passbook_query"), all...)
	reader, second, third := denials.NewReader(db.Pool(t, "passbook_query")), at(1), at(2)
	for name, c := range map[string]struct {
		filter denials.Filter
		want   int
	}{
		"all":            {denials.Filter{}, 60},
		"an actor":       {denials.Filter{Actor: "actor-1"}, 20},
		"a code":         {denials.Filter{Code: "not_found"}, 30},
		"both":           {denials.Filter{Actor: "actor-1", Code: "not_found"}, 10},
		"from":           {denials.Filter{From: &second}, 40},
		"to, half open":  {denials.Filter{To: &third}, 40},
		"between":        {denials.Filter{From: &second, To: &third}, 20},
		"nobody":         {denials.Filter{Actor: "' OR 1=1 --"}, 0},
		"all three":      {denials.Filter{Actor: "actor-0", Code: "not_found", From: &second, To: &third}, 3},
		"nothing so old": {denials.Filter{To: &time.Time{}}, 0},
	} {
		seen, filter := map[string]bool{}, c.filter
		filter.Limit = 7
		var last time.Time
		for {
			rows, more, err := reader.Denials(t.Context(), filter)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, r := range rows {
				if seen[r.RequestID] || !last.IsZero() && r.At.After(last) {
					t.Errorf("%s: %s comes twice, or out of order", name, r.RequestID)
				}
				seen[r.RequestID], last = true, r.At
			}
			if !more {
				break
			}
			end := rows[len(rows)-1]
			filter.Before = &denials.Place{At: end.At, ID: end.ID}
		}
		if len(seen) != c.want {
			t.Errorf("%s: %d rows, want %d", name, len(seen), c.want)
		}
	}
}

// Each role can do what it needs: the APIs add to this one table, the reads read it, nobody changes it.
func TestRoles(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, schema.Sets()...)
	const insert = `INSERT INTO audit.denials SELECT gen_random_uuid(), now(), 1, 'query', 'not_found', 404, 'GET', '/x', NULL, '', '', '', '', '', ''`
	for _, c := range []struct {
		role, statement string
		may             bool
	}{
		{"passbook_command", insert, true},
		{"passbook_query", insert, true},
		{"passbook_query", "SELECT count(*) FROM audit.denials", true},
		{"passbook_projector", "SELECT audit.forget_denials(now(), 10)", true},

		{"passbook_projector", insert, false},
		{"passbook_command", "SELECT count(*) FROM audit.denials", false},
		{"passbook_projector", "SELECT count(*) FROM audit.denials", false},
		{"passbook_command", "SELECT audit.forget_denials(now(), 10)", false},
		{"passbook_query", "SELECT audit.forget_denials(now(), 10)", false},
		{"passbook_command", "DELETE FROM audit.denials", false},
		{"passbook_query", "DELETE FROM audit.denials", false},
		{"passbook_projector", "DELETE FROM audit.denials", false},
		{"passbook_query", "UPDATE audit.denials SET actor = 'somebody else'", false},
		{"passbook_command", "UPDATE audit.denials SET actor = 'somebody else'", false},
		{"passbook_query", "TRUNCATE audit.denials", false},
		{"passbook_query", "CREATE TABLE audit.mine (x int)", false},
		{"passbook_query", "INSERT INTO events SELECT * FROM events", false},
		{"passbook_query", "INSERT INTO idempotency_keys SELECT * FROM idempotency_keys", false},
		{"passbook_query", "UPDATE log_head SET position = 1", false},
		{"passbook_query", "DELETE FROM readmodel.balances", false},
		{"passbook_query", "INSERT INTO readmodel.balances SELECT * FROM readmodel.balances", false},
		{"passbook_query", "UPDATE readmodel.checkpoints SET position = 1", false},
		{"passbook_query", "INSERT INTO operations.actions (actor, login, command, arguments, reason) VALUES ('a', 'b', 'c', '{}', '')", false},
		{"", "UPDATE audit.denials SET actor = 'somebody else'", false}, // not its owner either
		{"", "TRUNCATE audit.denials", false},
	} {
		_, err := db.Pool(t, c.role).Exec(t.Context(), c.statement)
		if c.may && err != nil || !c.may && !pgkit.InsufficientPrivilege(err) {
			t.Errorf("%s: %s: %v", c.role, c.statement, err)
		}
	}
}

// What is old enough goes, and nothing younger than 30 days does, whatever is asked.
func TestRetention(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, schema.Sets()...)
	now := time.Now().UTC().Truncate(time.Microsecond)
	var all []denials.Denial
	for _, days := range []int{0, 29, 31, 99, 101, 500} {
		all = append(all, denials.Denial{At: now.AddDate(0, 0, -days), Code: "not_found", Status: 404, Method: "GET", Route: "/x"})
	}
	written(t, db.Pool(t, "passbook_command"), all...)
	left := func() int {
		t.Helper()
		rows, _, err := denials.NewReader(db.Pool(t, "passbook_query")).Denials(t.Context(), denials.Filter{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	projector := db.Pool(t, "passbook_projector")
	retention := denials.NewRetention(projector, 100*24*time.Hour, slog.New(slog.DiscardHandler))
	if n, err := retention.Forget(t.Context()); n != 2 || err != nil || left() != 4 {
		t.Errorf("%d forgotten, %d left, %v", n, left(), err)
	}
	if _, err := projector.Exec(t.Context(), "SELECT audit.forget_denials('infinity', 1000)"); err != nil || left() != 2 {
		t.Errorf("%d left, %v", left(), err)
	}
}
