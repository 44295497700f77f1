package auditor_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/internal/auditor"
)

func (f *fixture) verifyWith(options auditor.Options) auditor.Report {
	f.t.Helper()
	report, err := auditor.Verify(f.t.Context(), f.admin, f.codec, options)
	if err != nil {
		f.t.Fatal(err)
	}
	return report
}

// Ranges that cover all accounts find what the whole finds, each its own.
func TestARangeOfAccounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var middle uuid.UUID
	if err := f.admin.QueryRow(t.Context(), `SELECT account_id FROM readmodel.balances ORDER BY account_id OFFSET 20 LIMIT 1`).Scan(&middle); err != nil {
		t.Fatal(err)
	}
	if _, err := f.admin.Exec(t.Context(), `UPDATE readmodel.balances SET balance = balance + 1 WHERE account_id = $1`, middle); err != nil {
		t.Fatal(err)
	}
	first := f.verifyWith(auditor.Options{Range: &auditor.Range{Through: middle}})
	second := f.verifyWith(auditor.Options{Range: &auditor.Range{After: middle, Through: uuid.Max}})
	if first.DifferencesTotal != 1 || first.Accounts != 21 || !second.OK() || first.Accounts+second.Accounts != 40 || first.Events+second.Events != written {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}
	if first.Differences[0].AccountID != middle || first.Projections[0].Differences != 1 || first.Projections[1].Differences != 0 {
		t.Errorf("%+v", first)
	}
}

func TestSomeProjections(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := f.verifyWith(auditor.Options{})
	if _, err := f.admin.Exec(t.Context(), `UPDATE readmodel.timeline SET balance = balance + 1 WHERE position = (SELECT min(position) FROM readmodel.timeline)`); err != nil {
		t.Fatal(err)
	}
	balances := f.verifyWith(auditor.Options{Projections: []string{auditor.CheckBalances}})
	if !balances.OK() || len(balances.Projections) != 1 || balances.Projections[0].Hash != all.Projections[0].Hash {
		t.Errorf("balances %+v", balances)
	}
	var text bytes.Buffer
	timeline := f.verifyWith(auditor.Options{Projections: []string{auditor.CheckTimeline}})
	if err := timeline.WriteText(&text); err != nil || timeline.OK() || !bytes.Contains(text.Bytes(), []byte("timeline has NOT applied exactly events 1..800: 1 rows differ")) {
		t.Errorf("%+v\n%s", timeline, &text)
	}
}

// Another generation is held against the log at its own checkpoint.
func TestAnotherGeneration(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	live := f.verifyWith(auditor.Options{})
	for _, sql := range []string{
		`CREATE TABLE readmodel_previous.balances (LIKE readmodel.balances)`, `INSERT INTO readmodel_previous.balances SELECT * FROM readmodel.balances`,
		`INSERT INTO readmodel.checkpoints (projection, generation, code_version, place, live, position, state, cause) VALUES ('balances', 7, 1, 'previous', false, 800, 'running', '')`,
		`UPDATE readmodel.balances SET balance = balance + 1`,
	} {
		if _, err := f.admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	previous := f.verifyWith(auditor.Options{Projections: []string{auditor.CheckBalances}, Place: "previous"})
	if !previous.OK() || previous.Projections[0].Generation != 7 || previous.Projections[0].Hash != live.Projections[0].Hash {
		t.Errorf("%+v", previous)
	}
	if live := f.verifyWith(auditor.Options{Projections: []string{auditor.CheckBalances}}); live.OK() {
		t.Error("the live generation is not looked at")
	}
}

// The hash is what docs/operations.md says: anybody can compute it from the table.
func TestTheHashCanBeComputedFromTheTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rows, err := f.admin.Query(t.Context(), `SELECT account_id::text, owner_id, owner_name, currency, balance, held, overdraft_limit, status, freeze_scope, metadata,
		version, position, to_char(opened_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), to_char(updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), limits FROM readmodel.balances ORDER BY account_id`)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (any, error) {
		values, err := row.Values()
		if err != nil {
			return nil, err
		}
		line := &bytes.Buffer{}
		encoder := json.NewEncoder(line) // it ends the line, too, and sorts the members of the metadata
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(values)
		hash.Write(line.Bytes())
		return nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(hash.Sum(nil)), f.verifyWith(auditor.Options{}).Projections[0].Hash; got != want {
		t.Errorf("computed %s, the auditor says %s", got, want)
	}
}
