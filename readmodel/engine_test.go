package readmodel_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	domain "passbook/domain/bank"
	"passbook/eventstore"
	"passbook/readmodel"
)

func TestFollowsTheLogWithoutASource(t *testing.T) {
	t.Parallel()
	b := newBank(t, 1)
	b.write(1_500)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run)
	head := b.write(300)
	b.untilApplied(head)
	stop()
	b.verify(head)

	head = b.write(300) // while nobody follows
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(head)
	b.verify(head)
}

func TestEveryEventTypeIsApplied(t *testing.T) {
	t.Parallel()
	b := newBank(t, 2)
	head := b.write(4_000)
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(head)
	b.verify(head)
	for _, kind := range domain.Types() {
		var n int
		if err := b.admin.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE type = $1`, kind.Name).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			t.Errorf("the generator wrote no %s: this test has not shown that it is applied", kind.Name)
		}
	}
	rows, err := b.admin.Query(t.Context(), `SELECT DISTINCT type FROM readmodel.timeline`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types := 0
	for rows.Next() {
		types++
	}
	if types != len(readmodel.TimelineTypes()) || types != len(account.Types())-1 { // interest of both signs is one type of rows
		t.Errorf("%d types of rows for %d types of events", types, len(account.Types()))
	}
}

// Two instances compete by lease; the second takes over when the first ends.
func TestTwoInstancesShareTheWork(t *testing.T) {
	t.Parallel()
	b := newBank(t, 3)
	first, second := testConfig(), testConfig()
	first.Holder, second.Holder = "first", "second"
	a, z := b.engine(b.parts(nil), first), b.engine(b.parts(nil), second)
	stop := b.run(a.Run)
	b.within(10*time.Second, "the first is active", func() bool { return active(a) == all })
	b.run(z.Run)
	b.untilApplied(b.write(500))
	if active(a) != all || active(z) != 0 {
		t.Errorf("active: %+v and %+v", a.Status(), z.Status())
	}
	stop()
	head := b.write(500)
	b.untilApplied(head)
	if active(a) != 0 || active(z) != all {
		t.Errorf("active after the first has ended: %+v and %+v", a.Status(), z.Status())
	}
	b.verify(head)
}

func active(e *readmodel.Engine) int {
	n := 0
	for _, s := range e.Status() {
		if s.Active {
			n++
		}
	}
	return n
}

// Three instances that all believe to hold the lease: the fence behind it lets one of them win each batch.
func TestFenceBehindTheLease(t *testing.T) {
	t.Parallel()
	b := newBank(t, 4)
	config := testConfig()
	config.Batch = 20
	for range 3 {
		e := b.engine(b.partsOver(openProjector(t, b.db)), config)
		b.run(func(ctx context.Context) error { e.LeadUnfenced(ctx); return nil })
	}
	var head int64
	for range 20 {
		head = b.write(50)
	}
	b.untilApplied(head)
	b.verify(head)
}

// Where nothing may be parked, an event that cannot be read stops the projection in front of it, visibly, and the events before
// it are applied.
func TestUndecodableEventStopsVisibly(t *testing.T) {
	t.Parallel()
	b := newBank(t, 5)
	poisoned := b.write(100)
	writePoison(b)
	config := testConfig()
	config.ParkedMax = 0
	e := b.engine(b.parts(nil), config)
	stop := b.run(e.Run)
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		stopped := b.untilStopped(name, "event 101 cannot be applied")
		if stopped.Position != poisoned || stopped.LagEvents != 1 {
			t.Errorf("%s stopped at %+v", name, stopped)
		}
	}
	stop()
	b.verifyPositions(poisoned)

	// The fix: code that can read it.
	parts := b.parts(nil)
	parts.Decoder = fixedDecoder{b}
	b.run(b.engine(parts, testConfig()).Run)
	b.untilApplied(poisoned + 1)
	if s := b.status(readmodel.Balances); s.State == readmodel.StateStopped || s.Cause != "" {
		t.Errorf("after the fix: %+v", s)
	}
}

// writePoison appends a deposit whose payload no code can read.
func writePoison(b *bank) {
	b.t.Helper()
	victim := b.customers.Accounts()[0]
	_, err := b.store.Append(b.t.Context(), []eventstore.Entry{{Appends: []eventstore.Append{{
		StreamType: account.StreamType, StreamID: victim.ID, Expected: victim.Version,
		Events: []eventstore.NewEvent{{ID: uuid.New(), Type: "money.deposited", Schema: 1, Data: []byte(`{"amount":"lots"}`)}},
	}}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// fixedDecoder reads the poison as a settings change that changes nothing.
type fixedDecoder struct{ b *bank }

func (d fixedDecoder) Payload(stored eventstore.Event) (any, error) {
	if strings.Contains(string(stored.Data), "lots") {
		return account.TermsChanged{}, nil
	}
	return d.b.codec.Payload(stored)
}

func (b *bank) verifyPositions(want int64) {
	b.t.Helper()
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		if got := b.status(name).Position; got != want {
			b.t.Errorf("%s is at %d, want %d", name, got, want)
		}
	}
}

// A row that does not stand where the event expects it is a loud error, never a wrong balance.
func TestVersionGuard(t *testing.T) {
	t.Parallel()
	b := newBank(t, 6)
	head := b.write(200)
	config := testConfig()
	config.ParkedMax = 5 // of some 20 accounts, all of which are wrong
	stop := b.run(b.engine(b.parts(nil), config).Run)
	b.untilApplied(head)
	stop()
	b.exec(`UPDATE readmodel.balances SET version = version + 1`)
	b.exec(`UPDATE readmodel.timeline SET version = version + 1`)
	b.write(50)
	b.run(b.engine(b.parts(nil), config).Run)
	b.untilStopped(readmodel.Balances, "in the rows, the event is version")
	b.untilStopped(readmodel.Timeline, "in the rows, the event is version")
	if got := b.status(readmodel.Balances).Position; got != head {
		t.Errorf("balances went on to %d", got)
	}
}

func TestRestoredLogStopsTheProjection(t *testing.T) {
	t.Parallel()
	b := newBank(t, 7)
	head := b.write(100)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(head)
	stop()
	b.exec(`UPDATE log_head SET position = position - 10`)
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilStopped(readmodel.Balances, "ahead of the log")
}

func TestOtherCodeVersionStopsTheProjection(t *testing.T) {
	t.Parallel()
	b := newBank(t, 8)
	head := b.write(100)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(head)
	stop()
	parts := b.parts(nil)
	parts.Projectors[0].Version++
	b.run(b.engine(parts, testConfig()).Run)
	b.untilStopped(readmodel.Balances, "made by another version")
}

// Right behind the end of the log a source delivers an event that is not in it: the checkpoint refuses.
func TestCheckpointNeverPassesTheLog(t *testing.T) {
	t.Parallel()
	b := newBank(t, 12)
	head := b.write(100)
	last := b.readLog(head-1, 1)[0]
	invented := last
	invented.Position, invented.Version, invented.ID = head+1, last.Version+1, uuid.New()
	source := newScript(invented)
	b.run(b.engine(b.parts(source), testConfig()).Run)
	b.untilApplied(head)
	b.within(10*time.Second, "the event was delivered to both", func() bool { return source.subscribed() >= 4 })
	b.verify(head)
}

// The rows of a crash: Postgres loses the last transactions whole, rows and checkpoint alike.
func TestLostRowsAreAppliedAgain(t *testing.T) {
	t.Parallel()
	b := newBank(t, 9)
	head := b.write(500)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(head)
	stop()
	b.exec(`TRUNCATE readmodel.checkpoints, readmodel.balances, readmodel.timeline CASCADE`)
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(head)
	b.verify(head)
}

func TestDatabaseAwayForAWhile(t *testing.T) {
	t.Parallel()
	b := newBank(t, 10)
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(b.write(200))
	for range 5 {
		b.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'projector'`)
		b.write(20)
	}
	head := b.write(100)
	b.untilApplied(head)
	b.verify(head)
	if s := b.status(readmodel.Balances); s.State == readmodel.StateStopped {
		t.Errorf("a lost connection counts as a stop: %+v", s)
	}
}

func TestRolesOfTheReadModels(t *testing.T) {
	t.Parallel()
	b := newBank(t, 11)
	reader := b.db.Pool(t, "passbook_query")
	for _, sql := range []string{
		`DELETE FROM readmodel.balances`, `UPDATE readmodel.timeline SET balance = 0`, `UPDATE readmodel.checkpoints SET position = 0`,
		`INSERT INTO readmodel.checkpoints VALUES (1, now(), 1, 1, true, 'x', 'running', '')`, `TRUNCATE readmodel.balances`,
		`CREATE TABLE readmodel.mine ()`, `DELETE FROM events`,
	} {
		if _, err := reader.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("the query role may %s: %v", sql, err)
		}
	}
	for _, sql := range []string{`DELETE FROM events`, `UPDATE log_head SET position = 0`, `DROP TABLE readmodel.checkpoints`, `CREATE TABLE public.mine ()`, `ALTER TABLE events DISABLE TRIGGER ALL`} {
		if _, err := b.projector.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("the projector role may %s: %v", sql, err)
		}
	}
}

func TestConfigFaultsAreListedAtOnce(t *testing.T) {
	t.Parallel()
	err := readmodel.Config{Batch: 1 << 20}.Validate()
	for _, fault := range []string{"holder", "lease time", "batch", "poll", "retry"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is missing in: %v", fault, err)
		}
	}
}

// The whole log delivered in an order drawn at random, with repeats and holes, to an engine that starts anew in between.
func TestPermutedDeliveriesEndInTheSameRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b := newBank(t, 100+seed)
			head := b.write(400)
			source := newScript(shuffled(b.readLog(0, int(head)), rand.New(rand.NewPCG(seed, 2)))...)
			config := testConfig()
			config.Batch = 37
			for range 3 {
				stop := b.run(b.engine(b.parts(source), config).Run)
				b.within(10*time.Second, "some progress", func() bool { return b.status(readmodel.Timeline).Position > 0 })
				stop()
			}
			b.run(b.engine(b.parts(source), config).Run)
			b.untilApplied(head)
			b.verify(head)
		})
	}
}

// shuffled moves events by up to so many places, drops a tenth and repeats a tenth.
func shuffled(events []eventstore.Event, random *rand.Rand) []eventstore.Event {
	var out []eventstore.Event
	for _, e := range events {
		switch random.IntN(10) {
		case 0:
		case 1:
			out = append(out, e, e)
		default:
			out = append(out, e)
		}
	}
	for i := range out {
		j := min(len(out)-1, i+random.IntN(30))
		out[i], out[j] = out[j], out[i]
	}
	return out
}
