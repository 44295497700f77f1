package readmodel_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/readmodel"
)

// caughtUp is a bank whose projections have applied some events of customers.
func caughtUp(t *testing.T, events int) *bank {
	b := newBank(t, 7)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(b.write(events))
	stop()
	return b
}

// busiest is the account with the most movements.
func (b *bank) busiest() (id uuid.UUID) {
	b.t.Helper()
	err := b.admin.QueryRow(b.t.Context(), `SELECT stream_id FROM events WHERE data->>'balance_after' IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1`).Scan(&id)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bank) explainBalance(id uuid.UUID, after int64, limit int) readmodel.Explanation {
	b.t.Helper()
	e, _, err := readmodel.NewExplainer(b.db.Pool(b.t, "passbook_query"), b.codec).Explain(b.t.Context(), id, after, limit)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

func TestExplainAddsUpPageByPage(t *testing.T) {
	t.Parallel()
	b := caughtUp(t, 600)
	id := b.busiest()
	account, _, err := b.queries.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var in, out, movements, balance int64
	for after, pages := int64(0), 0; ; pages++ {
		e := b.explainBalance(id, after, 3)
		if !e.Agreement.Agrees || e.Opening.Version != after || e.Opening.Balance != balance {
			t.Fatalf("page behind %d: %+v", after, e)
		}
		for _, row := range e.Rows {
			if row.Version != after+1 || row.Actor == "" || !row.InReadModel {
				t.Fatalf("%+v", row)
			}
			after = row.Version
			if row.Amount != nil {
				movements++
				in, out = in+max(*row.Amount, 0), out-min(*row.Amount, 0)
			}
			balance = row.Balance
		}
		if want := (readmodel.ExplainedTotals{In: e.Totals.In, Out: e.Totals.Out, Movements: e.Totals.Movements, Balance: account.Balance}); e.Totals != want {
			t.Errorf("totals %+v, the account has %d", e.Totals, account.Balance)
		}
		if !e.More {
			if pages < 3 || e.Totals.In != in || e.Totals.Out != out || e.Totals.Movements != movements || balance != account.Balance || after != account.Version {
				t.Errorf("%d pages: in %d, out %d, %d movements, %d; %+v", pages, in, out, movements, balance, e)
			}
			return
		}
	}
}

func TestExplainFindsTheFirstDifference(t *testing.T) {
	t.Parallel()
	const page = 5 // of the first page alone: what differs behind it is found, too
	for name, test := range map[string]struct {
		sql     string // $1 is the account, $2 its last version
		version func(last int64) int64
		says    string
	}{
		"an amount and its balance": {`UPDATE readmodel.timeline SET balance = balance + 1, amount = coalesce(amount, 0) + 1 WHERE account_id = $1 AND version = (SELECT max(version) FROM events WHERE stream_id = $1 AND version <= $2 AND data->>'balance_after' IS NOT NULL)`,
			nil, "the timeline says"},
		"a row is missing":    {`DELETE FROM readmodel.timeline WHERE account_id = $1 AND version = $2`, func(last int64) int64 { return last }, "no row"},
		"a row of the future": {`INSERT INTO readmodel.timeline SELECT account_id, event_id, transaction_id, position + 1000000, version + 1, balance, held, amount, effective_at, recorded_at, type, currency, reference, detail, metadata FROM readmodel.timeline WHERE account_id = $1 AND version = $2`, func(last int64) int64 { return last + 1 }, "does not have"},
		"a row on the page":   {`UPDATE readmodel.timeline SET event_id = gen_random_uuid() WHERE account_id = $1 AND version = 2 AND $2 > 0`, func(int64) int64 { return 2 }, "another event"},
		"the row of balances": {`UPDATE readmodel.balances SET balance = balance + 1 WHERE account_id = $1 AND $2 > 0`, func(int64) int64 { return 0 }, "balances says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := caughtUp(t, 600)
			id := b.busiest()
			last := b.explainBalance(id, 0, 1).Agreement.LogVersion
			b.exec(test.sql, id, last)
			a := b.explainBalance(id, 0, page).Agreement
			if a.Agrees || !strings.Contains(a.Difference, test.says) {
				t.Errorf("%+v", a)
			}
			if test.version != nil && a.FirstVersion != test.version(last) {
				t.Errorf("first at %d, want %d: %+v", a.FirstVersion, test.version(last), a)
			}
		})
	}
}

// What was not applied yet is shown, and is no difference.
func TestExplainOfARunningBank(t *testing.T) {
	t.Parallel()
	b := caughtUp(t, 300)
	b.write(300)
	id := b.busiest()
	e := b.explainBalance(id, 0, 1000)
	if last := e.Rows[len(e.Rows)-1]; !e.Agreement.Agrees || last.InReadModel || last.Difference != "" {
		t.Errorf("%+v, %+v", e.Agreement, last)
	}
	if _, _, err := readmodel.NewExplainer(b.db.Pool(b.t, "passbook_query"), b.codec).Explain(t.Context(), uuid.New(), 0, 10); !errors.Is(err, readmodel.ErrNotFound) {
		t.Errorf("an unknown account: %v", err)
	}
}

func TestTraceKnowsHowFarAnEventHasCome(t *testing.T) {
	t.Parallel()
	b := caughtUp(t, 100)
	for position, exact := range map[int64]bool{90: false, 100: true} {
		event := b.readLog(position-1, 1)[0]
		b.exec(`INSERT INTO readmodel.marks SELECT p, now() + p * interval '1 second', gen_random_uuid(), 1, 'balances' FROM unnest(ARRAY[80::bigint, 100]) AS p ON CONFLICT DO NOTHING`)
		trace, err := b.queries.Trace(t.Context(), event)
		if err != nil || len(trace.Applied) != all {
			t.Fatalf("%+v, %v", trace, err)
		}
		balances, timeline := trace.Applied[1], trace.Applied[3]
		if !balances.Reached || balances.Exact != exact || !balances.By.After(balances.NotBefore) || balances.NotBefore.Before(event.RecordedAt) {
			t.Errorf("%d: %+v", position, balances)
		}
		if !timeline.Reached || !timeline.By.IsZero() || trace.Relayed.Reached {
			t.Errorf("without marks: %+v, %+v", timeline, trace.Relayed)
		}
	}
	parked := b.readLog(99, 1)[0]
	b.exec(`INSERT INTO readmodel.parked (account_id, event_id, version, position, stale_since, attempts, generation, projection, event_type, class, cause, build)
		VALUES ($1, $2, $3, 100, now(), 1, 1, 'balances', 't', 'refused', 'c', 'b')`, parked.StreamID, parked.ID, parked.Version-1)
	if trace, err := b.queries.Trace(t.Context(), parked); err != nil || trace.Applied[1].Reached || !trace.Applied[1].Parked || !trace.Applied[2].Reached {
		t.Errorf("parked: %+v, %v", trace, err)
	}
	b.write(1)
	pending, err := b.queries.Find(t.Context(), "101", nil)
	if err != nil || len(pending) != 1 {
		t.Fatal(pending, err)
	}
	if trace, err := b.queries.Trace(t.Context(), pending[0]); err != nil || trace.Applied[0].Reached || trace.Applied[0].Position != 100 {
		t.Errorf("pending: %+v, %v", trace, err)
	}
}

// An id is found by its time, and where its time is not that of its event, by reading everything.
func TestEventsAreFoundByPositionAndIDs(t *testing.T) {
	t.Parallel()
	b := caughtUp(t, 50)
	var transaction, event uuid.UUID
	var position int64
	err := b.admin.QueryRow(t.Context(), `SELECT (data->>'transaction_id')::uuid, event_id, position FROM events WHERE data->>'transaction_id' IS NOT NULL ORDER BY position DESC LIMIT 1`).Scan(&transaction, &event, &position)
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{transaction.String(), event.String()} {
		found, err := b.queries.Find(t.Context(), reference, func(int64) {})
		if err != nil || len(found) != 1 || found[0].Position != position {
			t.Errorf("%s: %+v, %v", reference, found, err)
		}
	}
	slow := int64(0)
	if _, err := b.queries.Find(t.Context(), uuid.NewString(), func(n int64) { slow = n }); !errors.Is(err, readmodel.ErrNotFound) || slow != 50 {
		t.Errorf("an unknown id: %v, read %d events", err, slow)
	}
	for reference, want := range map[string]error{"51": readmodel.ErrNotFound, "0": readmodel.ErrReference, "bogus": readmodel.ErrReference} {
		if _, err := b.queries.Find(t.Context(), reference, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v", reference, err)
		}
	}
}
