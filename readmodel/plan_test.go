package readmodel_test

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// crowd fills the tables as a bank of some size would.
const crowd = `
INSERT INTO readmodel.balances (account_id, balance, held, overdraft_limit, version, position, opened_at, updated_at, currency, status, freeze_scope, owner_id, owner_name, metadata)
SELECT md5(n::text)::uuid, n, 0, 0, 60, n, now(), now(), CASE WHEN n % 50 = 0 THEN 'JPY' ELSE 'EUR' END,
    CASE WHEN n % 100 = 0 THEN 'closed' ELSE 'open' END, '', 'owner-' || n / 3, 'x', '{}' FROM generate_series(1, 6000) n;
INSERT INTO readmodel.timeline (account_id, event_id, transaction_id, position, version, balance, held, amount, effective_at, recorded_at, type, currency, reference, detail, metadata)
SELECT md5((n % 100)::text)::uuid, gen_random_uuid(), gen_random_uuid(), n, n / 100 + 1, n, 0, n, now() - n * interval '1 minute', now(),
    CASE WHEN n % 31 = 0 THEN 'fee' ELSE 'deposit' END, 'EUR', 'reference', 'detail', NULL FROM generate_series(1, 20000) n;
INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata)
SELECT n, n / 100 + 1, now(), now(), gen_random_uuid(), md5((n % 100)::text)::uuid, 1, 'account', 'money.deposited', '{}', '{}' FROM generate_series(1, 20000) n;
INSERT INTO readmodel.owners (account_id, version, position, owner_id, owner_name, words)
SELECT md5(n::text)::uuid, 1, n, 'owner-' || n / 3, 'x', 'x' FROM generate_series(1, 6000) n;
INSERT INTO readmodel.holds (hold_id, account_id, payment_id, amount, captured, remaining, released, version, position, placed_at, updated_at, status, currency, reference, reason)
SELECT md5('h' || n)::uuid, md5((n % 100)::text)::uuid, NULL, 10, CASE WHEN n % 50 = 0 THEN 0 ELSE 10 END, CASE WHEN n % 50 = 0 THEN 10 ELSE 0 END, 0, n, n,
    now(), now(), CASE WHEN n % 50 = 0 THEN 'placed' ELSE 'captured' END, 'EUR', 'r', '' FROM generate_series(1, 20000) n;
INSERT INTO readmodel.payments (payment_id, account_id, hold_id, amount, version, position, pushes, requested_at, deadline, updated_at, ended_at, stuck,
    currency, status, creditor_name, creditor_account, creditor_agent, reference, gateway_reference, code, reason, stuck_reason)
SELECT md5('p' || n)::uuid, md5((n % 100)::text)::uuid, md5('h' || n)::uuid, 10, 3, n, 0, now(), now(), now(), CASE WHEN n % 50 > 0 THEN now() END, n % 500 = 0,
    'EUR', CASE WHEN n % 50 > 0 THEN 'settled' ELSE 'submitted' END, 'c', 'c', '', '', '', '', '', '' FROM generate_series(1, 20000) n;
INSERT INTO readmodel.approvals (approval_id, account_id, amount, version, position, requested_at, expires_at, updated_at, decided_at, currency, kind, status, maker, decided_by, reason, command)
SELECT md5('a' || n)::uuid, md5((n % 100)::text)::uuid, 10, 2, n, now(), now() + interval '1 hour', now(), CASE WHEN n % 50 > 0 THEN now() END,
    'EUR', 'withdrawal', CASE WHEN n % 50 = 0 THEN 'pending' WHEN n % 51 = 0 THEN 'expired' ELSE 'approved' END, 'teller-' || n % 200, CASE WHEN n % 50 > 0 AND n % 51 > 0 THEN 'c' ELSE '' END, '', '{}'
FROM generate_series(1, 20000) n;
UPDATE readmodel.timeline SET reverses_id = transaction_id WHERE position % 500 = 0;
INSERT INTO readmodel.checkpoints (position, generation, code_version, live, projection, state, cause)
VALUES (20000, 1, 1, true, 'balances', 'running', ''), (20000, 1, 1, true, 'timeline', 'running', '')`

// reads are all statements that look something up, with arguments and the index that is made for each.
var reads = map[string]struct{ sql, args, index string }{
	"accounts by ids":    {db.LookUpAccounts, `ARRAY[` + id + `::uuid]`, "balances_account"},
	"accounts":           {db.Accounts, id + `, 26`, "Index Scan using balances_account"},
	"accounts of owner":  {db.AccountsOfOwner, `'owner-7', ` + id + `, '', '', 26`, "balances_owner"},
	"accounts by status": {db.AccountsByStatus, `'closed', ` + id + `, '', 26`, "balances_status"},
	"accounts by money":  {db.AccountsByCurrency, `'JPY', ` + id + `, 26`, "balances_currency"},
	"timeline":           {db.TimelinePage, id + `, 15000, 26`, "Index Scan Backward using timeline_account_position"},
	"timeline filtered":  {db.TimelineFiltered, id + `, 15000, ` + moment + `, NULL, '{deposit,fee}', 'in', 26`, "Index Only Scan Backward using timeline_account_position"},
	"balance recorded":   {db.BalanceRecorded, id + `, ` + moment, "Index Scan Backward using timeline_account_position"},
	"balance effective":  {db.BalanceEffective, moment + `, ` + id, "Index Only Scan using timeline_account_position"},
	"days recorded":      {db.DaysRecorded, moment + `, ` + id + `, ` + moment + `, ` + moment, "timeline_account_position"},
	"days effective":     {db.DaysEffective, moment + `, ` + id + `, ` + moment, "Index Only Scan using timeline_account_position"},
	"currency":           {db.AccountCurrency, id, "Index Scan using timeline_account_position"},
	"ends of timelines":  {readmodel.LoadEndsSQL, `ARRAY[` + id + `::uuid]`, "Index Scan Backward using timeline_account_position"},
	"transaction":        {db.TransactionRows, id + `, 1000`, "timeline_transaction"},
	"what undoes it":     {db.TransactionRows, id + `, 1000`, "timeline_reverses"},
	"hold":               {db.HoldByID, id, "holds_hold"},
	"holds":              {db.HoldsOfAccount, id + `, ` + id + `, 'captured', 26`, "Index Scan Backward using holds_account"},
	"holds, open":        {db.OpenHoldsOfAccount, id + `, ` + id + `, 26`, "holds_open_account"},
	"holds to change":    {readmodel.LoadHoldsSQL, `ARRAY[` + id + `::uuid]`, "holds_open_account"},
	"last of the holds":  {readmodel.LoadHoldsSQL, `ARRAY[` + id + `::uuid]`, "holds_account_version"},
	"payment":            {db.PaymentByID, id, "payments_payment"},
	"payments":           {db.Payments, id + `, 26`, "Index Scan Backward using payments_payment"},
	"payments of one":    {db.PaymentsOfAccount, id + `, ` + id + `, '', false, 26`, "payments_account"},
	"payments of owner":  {db.PaymentsOfOwner, id + `, '', false, 26, 'owner-7'`, "payments_account"},
	"payments by status": {db.PaymentsByStatus, `'submitted', ` + id + `, 26`, "payments_status"},
	"payments, stuck":    {db.StuckPayments, id + `, 26`, "payments_stuck"},
	"approval":           {db.ApprovalByID, id, "approvals_approval"},
	"approvals":          {db.Approvals, id + `, 26`, "Index Scan Backward using approvals_approval"},
	"approvals of one":   {db.ApprovalsOfAccount, id + `, ` + id + `, '', 'pending', now(), 26`, "approvals_account"},
	"approvals of maker": {db.ApprovalsOfMaker, `'teller-7', ` + id + `, '', now(), 26`, "approvals_maker"},
	"approvals, open":    {db.PendingApprovals, `now(), ` + id + `, 26`, "approvals_status"},
	"approvals, decided": {db.DecidedApprovals, `'expired', ` + id + `, 26`, "approvals_status"},
	"approvals, over":    {db.ExpiredApprovals, `26, ` + id + `, now()`, "approvals_status"},
	"one owner":          {db.AccountsOf, `'owner-7', 26`, "owners_owner"},
	"news of all":        {readmodel.NewsOfAllSQL, `'{balances,timeline}', 15000`, "Index Scan using events_position"},
	"news of an account": {readmodel.NewsOfAccountSQL, `'{balances,timeline}', 15000, ` + id, "events_stream_version"},
	"news of an owner":   {readmodel.NewsOfOwnerSQL, `'{balances,timeline}', 15000, 'owner-7'`, "events_stream_version"},
	"rows to change":     {readmodel.LoadBalancesSQL, `ARRAY[` + id + `::uuid]`, "balances_account"},
	"rows to move":       {readmodel.UpdateBalancesSQL, `ARRAY[` + id + `::uuid], ARRAY[1], ARRAY[0], ARRAY[60], ARRAY[61], ARRAY[20001], ARRAY[now()]`, "balances_account"},
}

const id, moment = `'c4ca4238-a0b9-2382-0dcc-509a6f75849b'`, `'2026-01-01'`

var walked = regexp.MustCompile(`Seq Scan on (balances|timeline|holds|payments|approvals)\b`)

// No read walks through a table, whether its plan was made for the values at hand or, as after a few runs of a prepared
// statement, for any: each is a range of the index that was made for it, in its order.
func TestPlansAreIndexRanges(t *testing.T) {
	t.Parallel()
	b := newBank(t, 50)
	for _, statement := range strings.Split(crowd, ";\n") {
		b.exec(statement)
	}
	b.exec(`VACUUM ANALYZE`) // the visibility map lets sums stay in the index
	for name, c := range reads {
		for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
			plan := b.explain(mode, c.sql, c.args)
			if walked.MatchString(plan) || !strings.Contains(plan, c.index) {
				t.Errorf("%s, %s: no %s\n%s", name, mode, c.index, plan)
			}
			paged := strings.HasPrefix(name, "accounts") || strings.HasPrefix(name, "timeline")
			if paged && strings.LastIndex(plan, "Sort") > strings.Index(plan, "Limit") {
				t.Errorf("%s, %s: everything is sorted for one page\n%s", name, mode, plan)
			}
		}
	}
}

// A statement may be prepared before there is anything to read. Under the settings of the query API's sessions its plan is good
// for what comes: it is not made again.
func TestPlansMadeOnEmptyTablesAreIndexRanges(t *testing.T) {
	t.Parallel()
	b := newBank(t, 51)
	for name, c := range reads {
		_, index, _ := strings.Cut(" "+c.index, "using ")
		plan := b.explain("force_generic_plan; SET enable_seqscan = off", c.sql, c.args)
		if strings.Contains(plan, "Seq Scan on") || !strings.Contains(plan, cmp.Or(index, c.index)) {
			t.Errorf("%s: no %s\n%s", name, c.index, plan)
		}
	}
}

// explain returns the plan of a statement prepared under the mode.
func (b *bank) explain(mode, sql, args string) string {
	b.t.Helper()
	conn, err := b.admin.Acquire(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Release()
	prepare := fmt.Sprintf(`DEALLOCATE ALL; SET search_path = readmodel, public; SET plan_cache_mode = %s; PREPARE s AS %s`, mode, sql)
	if _, err := conn.Exec(b.t.Context(), prepare); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	rows, err := conn.Query(b.t.Context(), fmt.Sprintf(`EXPLAIN (COSTS OFF) EXECUTE s(%s)`, args), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		b.t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(lines, "\n")
}
