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
		customers: readmodeltest.New(eventstore.New(db.Pool(t, "passbook_command")), 17),
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

// movements is how many events the accounts have: those of payments and of transactions have no row in the timeline.
func (f *fixture) movements() (n int64) {
	f.t.Helper()
	if err := f.admin.QueryRow(f.t.Context(), `SELECT count(*) FROM events WHERE stream_type = 'account'`).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
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
	if rows := report.Projections[1].Rows; rows != f.movements() {
		t.Errorf("%d rows of the timeline expected, the accounts have %d events", rows, f.movements())
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "timeline has applied exactly events 1..800: generation 1, "+fmt.Sprint(f.movements())+" rows, sha256 ") {
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
	const someTransfer = `(SELECT max(position) FROM events WHERE type = 'transfer.sent')`
	const someHold = `(SELECT max(position) FROM events WHERE type = 'hold.placed' AND data->>'payment_id' IS NULL)`
	const someCapture = `(SELECT max(position) FROM events WHERE type = 'hold.captured' AND data->>'payment_id' IS NULL)`
	const someRelease = `(SELECT max(position) FROM events WHERE type = 'hold.released' AND data->>'payment_id' IS NULL)`
	const someExpiry = `(SELECT max(position) FROM events WHERE type = 'hold.expired')`
	const someReversal = `(SELECT max(position) FROM events WHERE type = 'reversal.posted' AND data->>'counterparty_id' IS NULL)`
	const someUndone = `(SELECT max(position) FROM events WHERE type = 'transaction.reversed')`
	const oneSide = `(SELECT max(position) FROM events WHERE type = 'reversal.posted' AND data->>'counterparty_id' IS NOT NULL)`
	const someSettled = `(SELECT max(position) FROM events WHERE type = 'payment.settled')`
	const someRejected = `(SELECT max(position) FROM events WHERE type = 'payment.rejected')`
	rewrite := func(at, field, value string) string {
		return fmt.Sprintf(`UPDATE events SET data = (data::jsonb || jsonb_build_object('%s', %s))::json WHERE position = %s`, field, value, at)
	}
	for name, c := range map[string]struct{ sql, check string }{
		"a missing event":               {`DELETE FROM events WHERE position = (SELECT min(position) FROM readmodel.timeline WHERE position >= 400)`, auditor.CheckPositions},
		"the last event missing":        {`DELETE FROM events WHERE position = 800`, auditor.CheckHead},
		"a version twice":               {`UPDATE events SET version = version - 1 WHERE position = ` + someDeposit, auditor.CheckVersions},
		"versions against positions":    {swapVersions, auditor.CheckVersions},
		"time going back":               {`UPDATE events SET recorded_at = recorded_at - interval '400 days' WHERE position = 700`, auditor.CheckRecordedAt},
		"an event id twice":             {`UPDATE events SET event_id = (SELECT event_id FROM events WHERE position = 5) WHERE position = 6`, auditor.CheckEventID},
		"a transaction twice":           {rewrite(someDeposit, "transaction_id", `(SELECT data->>'transaction_id' FROM events WHERE position = `+someWithdrawal+`)`), auditor.CheckTransaction},
		"a payload nobody can read":     {rewrite(someDeposit, "amount", `'lots'::text`), auditor.CheckPayload},
		"an amount changed":             {rewrite(someDeposit, "amount", `12345`), auditor.CheckBalanceAfter},
		"a balance claimed":             {rewrite(someDeposit, "balance_after", `12345`), auditor.CheckBalanceAfter},
		"money held out of nowhere":     {rewrite(someDeposit, "held_after", `7`), auditor.CheckHeldAfter},
		"another currency":              {rewrite(someDeposit, "currency", `'KWD'::text`), auditor.CheckCurrency},
		"a withdrawal past the limit":   {rewrite(`(SELECT position FROM events WHERE type = 'money.withdrawn' ORDER BY position LIMIT 1)`, "amount", `9000000000`), auditor.CheckLimit},
		"a movement while frozen":       {`UPDATE events SET type = 'account.frozen', data = '{"reason":"x","scope":"all"}' WHERE version = 2`, auditor.CheckLifecycle},
		"opened as another account":     {rewrite(`1`, "account_id", `'00000000-0000-7000-8000-000000000001'::text`), auditor.CheckLifecycle},
		"a checkpoint past the head":    {`UPDATE readmodel.checkpoints SET position = 900`, auditor.CheckCheckpoint},
		"a checkpoint behind":           {`UPDATE readmodel.checkpoints SET position = 600`, auditor.CheckTimeline},
		"a balance changed":             {`UPDATE readmodel.balances SET balance = balance + 1 WHERE version = 3 OR position = 800`, auditor.CheckBalances},
		"a limit changed":               {`UPDATE readmodel.balances SET overdraft_limit = 77 WHERE position = 800`, auditor.CheckBalances},
		"a balance missing":             {`DELETE FROM readmodel.balances WHERE position = 800`, auditor.CheckBalances},
		"a balance of nobody":           {strangeBalance, auditor.CheckBalances},
		"a timeline amount changed":     {`UPDATE readmodel.timeline SET amount = amount + 1 WHERE position = ` + someDeposit, auditor.CheckTimeline},
		"a timeline text changed":       {`UPDATE readmodel.timeline SET detail = 'x' WHERE position = (SELECT min(position) FROM readmodel.timeline WHERE position >= 400)`, auditor.CheckTimeline},
		"a timeline row missing":        {`DELETE FROM readmodel.timeline WHERE position = (SELECT min(position) FROM readmodel.timeline WHERE position >= 400)`, auditor.CheckTimeline},
		"a timeline row too many":       {`INSERT INTO readmodel.timeline SELECT account_id, event_id, transaction_id, 900, version, balance, held, amount, effective_at, recorded_at, type, currency, reference, detail, metadata FROM readmodel.timeline WHERE position = 800`, auditor.CheckTimeline},
		"a transfer to somebody else":   {rewrite(someTransfer, "counterparty_id", `'00000000-0000-7000-8000-000000000001'::text`), auditor.CheckTransfer},
		"a transfer that arrives less":  {rewrite(someTransfer, "amount", `1`), auditor.CheckTransfer},
		"a transfer made from nothing":  {rewrite(someTransfer, "amount", `1`), auditor.CheckConservation},
		"a transfer that never arrives": {`UPDATE events SET type = 'money.deposited' WHERE type = 'transfer.received'`, auditor.CheckTransfer},
		"a transfer sent twice":         {rewrite(`(SELECT min(position) FROM events WHERE type = 'transfer.sent')`, "transaction_id", `(SELECT data->>'transaction_id' FROM events WHERE position = `+someTransfer+`)`), auditor.CheckTransaction},
		"the sides booked apart":        {`UPDATE events SET recorded_at = recorded_at + interval '1 second' WHERE position = ` + someTransfer, auditor.CheckTransfer},
		"more captured than held":       {rewrite(someCapture, "amount", `9000000000`), auditor.CheckHold},
		"a hold that gives back more":   {rewrite(someRelease, "amount", `9000000000`), auditor.CheckHold},
		"a hold that ends twice":        {rewrite(someRelease, "hold_id", `(SELECT data->>'hold_id' FROM events WHERE position = `+someExpiry+`)`), auditor.CheckHold},
		"a hold expired too early":      {`UPDATE events SET data = (data::jsonb || '{"expires_at": "2099-01-01T00:00:00Z"}')::json WHERE type IN ('hold.placed', 'hold.extended') AND data->>'payment_id' IS NULL`, auditor.CheckHold},
		"a hold used after its time":    {`UPDATE events SET data = (data::jsonb || '{"expires_at": "2025-01-01T00:00:00Z"}')::json WHERE type IN ('hold.placed', 'hold.extended') AND data->>'payment_id' IS NULL`, auditor.CheckHold},
		"a hold of somebody's payment":  {rewrite(someCapture, "payment_id", `'00000000-0000-7000-8000-000000000001'::text`), auditor.CheckHold},
		"more held than there is":       {rewrite(someHold, "amount", `9000000000`), auditor.CheckLimit},
		"a limit of a transaction":      {`UPDATE events SET data = '{"limits": {"per_transaction": 1}}' WHERE type = 'account.terms_changed'`, auditor.CheckLimit},
		"a limit of a day":              {`UPDATE events SET data = '{"limits": {"per_day": 1}}' WHERE type = 'account.terms_changed'`, auditor.CheckLimit},
		"a limit of a month":            {`UPDATE events SET data = '{"limits": {"per_month": 1}}' WHERE type = 'account.terms_changed'`, auditor.CheckLimit},
		"more undone than was done":     {rewrite(someReversal, "amount", `9000000000`), auditor.CheckReversal},
		"undone in the same direction":  {rewrite(someReversal, "direction", `CASE data->>'direction' WHEN 'debit' THEN 'credit' ELSE 'debit' END`), auditor.CheckReversal},
		"undone what never was":         {rewrite(someReversal, "reverses", `'00000000-0000-7000-8000-000000000001'::text`), auditor.CheckReversal},
		"a reversal on one side only":   {`UPDATE events SET data = (data::jsonb - 'counterparty_id')::json WHERE position = ` + oneSide, auditor.CheckReversal},
		"both sides undone one way":     {rewrite(oneSide, "direction", `CASE data->>'direction' WHEN 'debit' THEN 'credit' ELSE 'debit' END`), auditor.CheckReversal},
		"undone without the stream":     {`DELETE FROM events WHERE position = ` + someUndone, auditor.CheckReversal},
		"the stream says less":          {rewrite(someUndone, "amount", `1`), auditor.CheckReversal},
		"the stream undoes too much":    {`UPDATE events SET data = (data::jsonb || '{"original_amount": 9000000000}')::json WHERE type = 'transaction.reversed' AND version = 2`, auditor.CheckReversal},
		"a payment with two outcomes":   {`UPDATE events SET type = 'payment.cancelled', data = '{"by": "x", "reason": "y"}' WHERE type = 'payment.submitted'`, auditor.CheckPayment},
		"a settled one not captured":    {`UPDATE events SET data = (data::jsonb - 'payment_id')::json WHERE type = 'hold.captured' AND data->>'payment_id' IS NOT NULL`, auditor.CheckPayment},
		"a rejected one paid":           {`UPDATE events SET type = 'payment.settled', data = '{}' WHERE position = ` + someRejected, auditor.CheckPayment},
		"a settled one given up":        {`UPDATE events SET type = 'payment.rejected', data = '{"code": "x", "reason": "y"}' WHERE position = ` + someSettled, auditor.CheckPayment},
		"a payment that holds nothing":  {`UPDATE events SET data = (data::jsonb - 'payment_id')::json WHERE type = 'hold.placed' AND data->>'payment_id' IS NOT NULL`, auditor.CheckPayment},
		"a hold's row changed":          {`UPDATE readmodel.holds SET reference = 'x' WHERE version > 3`, auditor.CheckHolds},
		"a hold's row missing":          {`DELETE FROM readmodel.holds WHERE status = 'released'`, auditor.CheckHolds},
		"a hold of nobody":              {`UPDATE readmodel.holds SET hold_id = gen_random_uuid() WHERE status = 'captured'`, auditor.CheckHolds},
		"a payment's row changed":       {`UPDATE readmodel.payments SET reason = 'x'`, auditor.CheckPayments},
		"a payment's row missing":       {`DELETE FROM readmodel.payments WHERE status = 'settled'`, auditor.CheckPayments},
		"a payment of nobody":           {`UPDATE readmodel.payments SET payment_id = gen_random_uuid() WHERE status = 'settled'`, auditor.CheckPayments},
		"decided by its maker":          {`UPDATE events SET data = (data::jsonb || jsonb_build_object('by', (SELECT r.data->>'maker' FROM events r WHERE r.stream_id = events.stream_id AND r.version = 1)))::json WHERE type IN ('approval.approved', 'approval.rejected')`, auditor.CheckApproval},
		"approved, and nothing booked":  {`UPDATE events SET data = (data::jsonb #- '{command,transaction_id}' #- '{command,payment_id}')::json WHERE type = 'approval.requested'`, auditor.CheckApproval},
		"booked, and not approved":      {`UPDATE events SET type = 'approval.rejected', data = '{"by": "x", "reason": "y"}' WHERE type = 'approval.approved'`, auditor.CheckApproval},
		"more booked than approved":     {`UPDATE events SET data = (data::jsonb || '{"amount": 2, "threshold": 1}')::json WHERE type = 'approval.requested'`, auditor.CheckApproval},
		"approved, its time over":       {`UPDATE events SET data = (data::jsonb || '{"expires_at": "2025-01-01T00:00:00Z"}')::json WHERE type = 'approval.requested'`, auditor.CheckApproval},
		"decided before it was asked":   {`UPDATE events SET type = 'approval.approved', data = '{"by": "x"}' WHERE type = 'approval.requested'`, auditor.CheckApproval},
		"within the threshold":          {`UPDATE events SET data = (data::jsonb || jsonb_build_object('threshold', data->'amount'))::json WHERE type = 'approval.requested'`, auditor.CheckPayload},
		"an approval's row changed":     {`UPDATE readmodel.approvals SET reason = 'x'`, auditor.CheckApprovals},
		"an approval's row missing":     {`DELETE FROM readmodel.approvals WHERE status = 'approved'`, auditor.CheckApprovals},
		"an approval of nobody":         {`UPDATE readmodel.approvals SET approval_id = gen_random_uuid()`, auditor.CheckApprovals},
		"another command":               {`UPDATE readmodel.approvals SET command = '{}'`, auditor.CheckApprovals},
		"a row's hold changed":          {`UPDATE readmodel.timeline SET held_change = held_change + 1 WHERE held_change > 0`, auditor.CheckTimeline},
		"a row's other side changed":    {`UPDATE readmodel.timeline SET counterparty_id = account_id WHERE counterparty_id IS NOT NULL`, auditor.CheckTimeline},
		"the limits changed":            {`UPDATE readmodel.balances SET limits = '{"per_day": 1}' WHERE position > 700`, auditor.CheckBalances},
		"timeline metadata changed":     {`UPDATE readmodel.timeline SET metadata = '{"a":"b"}' WHERE position = (SELECT min(position) FROM readmodel.timeline WHERE position >= 400)`, auditor.CheckTimeline},
	} {
		report := f.within(c.sql)
		if !slices.ContainsFunc(report.Differences, func(d auditor.Difference) bool { return d.Check == c.check }) {
			t.Errorf("%s: no difference of %s\n%+v", name, c.check, report.Differences)
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
	if len(report.Differences) != 5 || report.DifferencesTotal != f.movements() || report.OK() {
		t.Errorf("%d listed of %d", len(report.Differences), report.DifferencesTotal)
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), fmt.Sprintf("and %d more\nNOT VERIFIED: %d differences", f.movements()-5, f.movements())) {
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
