package auditor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/internal/auditor"
	"passbook/internal/eventcodec"
	"passbook/internal/pgtest"
	"passbook/readmodel"
	"passbook/readmodel/readmodeltest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const written = 800

// fixture is a log of some events with read models that stand at its end.
type fixture struct {
	t         testing.TB
	admin     *pgxpool.Pool
	projector *pgxpool.Pool
	codec     *eventcodec.Codec
	customers *readmodeltest.Generator
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	db := pgtest.New(t, eventstore.Migrations, readmodel.Migrations)
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{
		t: t, admin: db.Pool(t, ""), projector: db.Pool(t, "passbook_projector"), codec: codec,
		customers: readmodeltest.New(eventstore.New(db.Pool(t, "passbook_command")), 7),
	}
	f.write(written)
	f.project()
	return f
}

func (f *fixture) write(n int) {
	f.t.Helper()
	if _, err := f.customers.Write(f.t.Context(), n); err != nil {
		f.t.Fatal(err)
	}
}

// project brings the read models to the end of the log.
func (f *fixture) project() {
	f.t.Helper()
	config := readmodel.DefaultConfig()
	config.Holder, config.Poll = "test", 5*time.Millisecond
	engine, err := readmodel.NewEngine(readmodel.Parts{
		Pool: f.projector, Log: eventstore.New(f.projector), Decoder: f.codec, Projectors: readmodel.Projectors(),
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	}, config)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	go func() { ended <- engine.Run(running) }()
	_, err = readmodel.NewQueries(f.projector).WaitFor(ctx, f.customers.Head().Position)
	stop()
	if runErr := <-ended; err != nil || runErr != nil {
		f.t.Fatal(err, runErr)
	}
}

func (f *fixture) verify() auditor.Report {
	f.t.Helper()
	report, err := auditor.Verify(f.t.Context(), f.projector, f.codec, auditor.Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	return report
}

// within returns the report on a log and read models changed by a statement that is then undone. What the schema forbids
// is done past it: triggers off, the constraint in the way gone.
func (f *fixture) within(sql string) auditor.Report {
	f.t.Helper()
	ctx := f.t.Context()
	tx, err := f.admin.Begin(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, statement := range []string{
		`SET LOCAL session_replication_role = replica`,
		`ALTER TABLE events DROP CONSTRAINT events_stream_version`,
		sql,
	} {
		if tag, err := tx.Exec(ctx, statement); err != nil || statement == sql && tag.RowsAffected() == 0 {
			f.t.Fatalf("%s: %v, %v", statement, tag, err)
		}
	}
	report, err := auditor.VerifyIn(ctx, tx, f.codec)
	if err != nil {
		f.t.Fatal(err)
	}
	return report
}

func TestVerifies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	report := f.verify()
	if !report.OK() || report.Head != written || report.Events != written || report.Accounts != int64(len(f.customers.Accounts())) {
		t.Fatalf("%+v", report)
	}
	if rows := report.Projections[1].Rows; rows != written {
		t.Errorf("%d rows of the timeline expected", rows)
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "timeline has applied exactly events 1..800: generation 1, 800 rows, sha256 ") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if encoded, err := json.Marshal(report); err != nil || !bytes.Contains(encoded, []byte(`"differences_total":0`)) {
		t.Errorf("%v: %s", err, encoded)
	}
}

// The same log folded to the same position has the same hash, however far the log has gone on since.
func TestHashIsOfTheFoldUpToTheCheckpoint(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	before := f.verify()
	f.write(100) // not applied
	behind := f.verify()
	if !behind.OK() || fmt.Sprint(behind.Projections) != fmt.Sprint(before.Projections) {
		t.Errorf("at the same checkpoint: %+v\nthen %+v", before.Projections, behind)
	}
	f.project()
	after := f.verify()
	if !after.OK() || after.Projections[0].Hash == before.Projections[0].Hash || after.Projections[1].Position != written+100 {
		t.Errorf("100 events later: %+v", after)
	}
}

// Each thing that can be wrong, made wrong past everything that prevents it, is found and named.
func TestFinds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const someDeposit = `(SELECT max(position) FROM events WHERE type = 'money.deposited')`
	const someWithdrawal = `(SELECT max(position) FROM events WHERE type = 'money.withdrawn')`
	rewrite := func(at, field, value string) string {
		return fmt.Sprintf(`UPDATE events SET data = (data::jsonb || jsonb_build_object('%s', %s))::json WHERE position = %s`, field, value, at)
	}
	for name, c := range map[string]struct{ sql, check string }{
		"a missing event":             {`DELETE FROM events WHERE position = 400`, auditor.CheckPositions},
		"the last event missing":      {`DELETE FROM events WHERE position = 800`, auditor.CheckHead},
		"a version twice":             {`UPDATE events SET version = version - 1 WHERE position = ` + someDeposit, auditor.CheckVersions},
		"versions against positions":  {swapVersions, auditor.CheckVersions},
		"time going back":             {`UPDATE events SET recorded_at = recorded_at - interval '400 days' WHERE position = 700`, auditor.CheckRecordedAt},
		"an event id twice":           {`UPDATE events SET event_id = (SELECT event_id FROM events WHERE position = 5) WHERE position = 6`, auditor.CheckEventID},
		"a transaction twice":         {rewrite(someDeposit, "transaction_id", `(SELECT data->>'transaction_id' FROM events WHERE position = `+someWithdrawal+`)`), auditor.CheckTransaction},
		"a payload nobody can read":   {rewrite(someDeposit, "amount", `'lots'::text`), auditor.CheckPayload},
		"an amount changed":           {rewrite(someDeposit, "amount", `12345`), auditor.CheckBalanceAfter},
		"a balance claimed":           {rewrite(someDeposit, "balance_after", `12345`), auditor.CheckBalanceAfter},
		"money held out of nowhere":   {rewrite(someDeposit, "held_after", `7`), auditor.CheckHeldAfter},
		"another currency":            {rewrite(someDeposit, "currency", `'KWD'::text`), auditor.CheckCurrency},
		"a withdrawal past the limit": {rewrite(`(SELECT position FROM events WHERE type = 'money.withdrawn' ORDER BY position LIMIT 1)`, "amount", `9000000000`), auditor.CheckLimit},
		"a movement while frozen":     {`UPDATE events SET type = 'account.frozen', data = '{"reason":"x","scope":"all"}' WHERE version = 2`, auditor.CheckLifecycle},
		"opened as another account":   {rewrite(`1`, "account_id", `'00000000-0000-7000-8000-000000000001'::text`), auditor.CheckLifecycle},
		"a checkpoint past the head":  {`UPDATE readmodel.checkpoints SET position = 900`, auditor.CheckCheckpoint},
		"a checkpoint behind":         {`UPDATE readmodel.checkpoints SET position = 600`, auditor.CheckTimeline},
		"a balance changed":           {`UPDATE readmodel.balances SET balance = balance + 1 WHERE version = 3 OR position = 800`, auditor.CheckBalances},
		"a limit changed":             {`UPDATE readmodel.balances SET overdraft_limit = 77 WHERE position = 800`, auditor.CheckBalances},
		"a balance missing":           {`DELETE FROM readmodel.balances WHERE position = 800`, auditor.CheckBalances},
		"a balance of nobody":         {strangeBalance, auditor.CheckBalances},
		"a timeline amount changed":   {`UPDATE readmodel.timeline SET amount = amount + 1 WHERE position = ` + someDeposit, auditor.CheckTimeline},
		"a timeline text changed":     {`UPDATE readmodel.timeline SET detail = 'x' WHERE position = 400`, auditor.CheckTimeline},
		"a timeline row missing":      {`DELETE FROM readmodel.timeline WHERE position = 400`, auditor.CheckTimeline},
		"a timeline row too many":     {`INSERT INTO readmodel.timeline SELECT account_id, event_id, transaction_id, 900, version, balance, held, amount, effective_at, recorded_at, type, currency, reference, detail, metadata FROM readmodel.timeline WHERE position = 800`, auditor.CheckTimeline},
		"timeline metadata changed":   {`UPDATE readmodel.timeline SET metadata = '{"a":"b"}' WHERE position = 400`, auditor.CheckTimeline},
	} {
		report := f.within(c.sql)
		if !slices.ContainsFunc(report.Differences, func(d auditor.Difference) bool { return d.Check == c.check }) {
			t.Errorf("%s: no difference of %s\n%+v", name, c.check, report)
		}
	}
	if report := f.verify(); !report.OK() {
		t.Errorf("the faults were not undone: %+v", report)
	}
}

const swapVersions = `
WITH two AS (SELECT stream_id FROM events GROUP BY stream_id ORDER BY count(*) DESC LIMIT 1)
UPDATE events e SET version = CASE version WHEN 5 THEN 6 ELSE 5 END FROM two WHERE e.stream_id = two.stream_id AND e.version IN (5, 6)`

const strangeBalance = `
INSERT INTO readmodel.balances (account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at, currency, status, freeze_scope, owner_id, owner_name, metadata)
VALUES ('ffffffff-0000-7000-8000-000000000001', 0, 0, 0, 1, 1, now(), now(), 'EUR', 'open', '', 'o', 'n', '{}')`

func TestDifferencesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := f.admin.Exec(t.Context(), `UPDATE readmodel.timeline SET detail = 'x'`); err != nil {
		t.Fatal(err)
	}
	report, err := auditor.Verify(t.Context(), f.projector, f.codec, auditor.Options{DifferencesMax: 5})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Differences) != 5 || report.DifferencesTotal != written || report.OK() {
		t.Errorf("%d listed of %d", len(report.Differences), report.DifferencesTotal)
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "and 795 more\nNOT VERIFIED: 800 differences") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

func TestNothingToVerify(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations, readmodel.Migrations)
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	report, err := auditor.Verify(t.Context(), db.Pool(t, "passbook_projector"), codec, auditor.Options{})
	if err != nil || !report.OK() || report.Events != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func BenchmarkVerify(b *testing.B) {
	f := newFixture(b)
	f.customers.AccountsMax, f.customers.Batch = 2_000, 1_000
	f.write(20_000)
	f.project()
	events := f.customers.Head().Position
	for b.Loop() {
		if report := f.verify(); !report.OK() {
			b.Fatal(report.Differences)
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
