package rebuild_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/internal/eventcodec"
	"passbook/readmodel"
	"passbook/readmodel/rebuild"
)

// pausing returns options of a rebuild that stands still in a phase until it is let go.
func pausing(holder, phase string) (o rebuild.Options, reached chan struct{}, letGo func()) {
	o = options(holder)
	reached, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	o.Report = func(p rebuild.Progress) {
		if p.Phase == phase {
			once.Do(func() { close(reached); <-gate })
		}
	}
	return o, reached, sync.OnceFunc(func() { close(gate) })
}

func TestSecondOperatorIsToldWhoRunsIt(t *testing.T) {
	t.Parallel()
	b := newBank(t, 20)
	b.projected(b.write(500))
	first, reached, letGo := pausing("first", "replay")
	defer letGo()
	first.StartedBy = "ada"
	ended := make(chan error, 1)
	go func() {
		_, err := b.rebuilder().Run(t.Context(), readmodel.Projectors(), first)
		ended <- err
	}()
	<-reached
	_, err := b.rebuilder().Run(t.Context(), []readmodel.Projector{projector(readmodel.Balances)}, options("second"))
	running, ok := errors.AsType[*rebuild.RunningError](err)
	if !ok || running.Holder != "first" || running.StartedBy != "ada" || !strings.Contains(err.Error(), "balances is being rebuilt by first, for ada") {
		t.Errorf("the second operator is told: %v", err)
	}
	if _, err := b.rebuilder().DropPrevious(t.Context(), projector(readmodel.Timeline), options("third")); err == nil {
		t.Error("a third operator drops a generation of what is being rebuilt")
	}
	letGo()
	if err := <-ended; err != nil {
		t.Errorf("the first operator: %v", err)
	}
	b.verify()
}

func TestCancelEndsARebuildOfAnotherProcess(t *testing.T) {
	t.Parallel()
	b := newBank(t, 21)
	b.projected(b.write(2_000))
	o, reached, letGo := pausing("first", "replay")
	defer letGo()
	ended := make(chan error, 1)
	go func() {
		_, err := b.rebuilder().Run(t.Context(), readmodel.Projectors(), o)
		ended <- err
	}()
	<-reached
	cancelled := make(chan error, 1)
	go func() {
		_, err := b.rebuilder().Cancel(t.Context(), projector(readmodel.Timeline), options("second"))
		cancelled <- err
	}()
	b.until("it is marked", func() bool {
		return value[bool](b, `SELECT cancelled FROM readmodel.rebuilds WHERE projection = 'timeline'`)
	})
	letGo()
	if err := <-ended; !errors.Is(err, rebuild.ErrCancelled) {
		t.Errorf("the rebuild ended with %v", err)
	}
	if err := <-cancelled; err != nil {
		t.Errorf("cancel: %v", err)
	}
	if n := value[int](b, `SELECT count(*) FROM pg_tables WHERE schemaname = 'readmodel_next' AND tablename = 'timeline'`); n != 0 {
		t.Error("the table of the cancelled generation is left")
	}
	if _, err := b.rebuilder().Cancel(t.Context(), projector(readmodel.Timeline), options("second")); !errors.Is(err, rebuild.ErrNone) {
		t.Errorf("a second cancel: %v", err)
	}
	if _, err := b.rebuilder().Run(t.Context(), readmodel.Projectors(), options("third")); err != nil {
		t.Fatal(err)
	}
	b.verify()
}

// buggy reads fees one cent too high.
type buggy struct{ *eventcodec.Codec }

func (d buggy) Payload(stored eventstore.Event) (any, error) {
	event, err := d.Codec.Payload(stored)
	if fee, ok := event.(account.FeeCharged); ok {
		fee.BalanceAfter++
		return fee, err
	}
	return event, err
}

// A projector whose next version has a bug: it begins to rebuild by itself, the comparison ends that, the generation before serves
// on. An operator accepts it all the same, regrets it, and has the old numbers back at once.
func TestBugInTheNextVersion(t *testing.T) {
	t.Parallel()
	b := newBank(t, 22)
	head := b.write(1_500)
	b.projected(head)
	before := b.sums()
	next := projector(readmodel.Balances)
	next.Version, next.ExpectDiff = next.Version+1, ""
	r := rebuild.New(rebuild.Parts{Pool: b.projector, Log: eventstore.New(b.projector), Decoder: buggy{b.codec}, Logger: quiet, Config: readmodel.DefaultConfig()})
	stop := b.project(rebuild.Auto{Rebuilder: r, Options: options("newer projector")}, next)

	b.until("the new version has stopped", func() bool {
		return strings.Contains(value[string](b, `SELECT cause FROM readmodel.checkpoints WHERE projection = 'balances' AND live`), "accounts differ")
	})
	if live := b.at(readmodel.Balances, readmodel.PlaceLive); live.Number != 1 || b.sums() != before {
		t.Fatalf("live is %+v, the sums are %s and were %s", live, b.sums(), before)
	}
	accept := options("operator")
	accept.AcceptDiff = true
	b.until("the projector leaves it to the operator", func() bool {
		_, err := r.Run(t.Context(), []readmodel.Projector{next}, accept)
		if _, running := errors.AsType[*rebuild.RunningError](err); err != nil && !running {
			t.Fatal(err)
		}
		return err == nil
	})
	if live := b.at(readmodel.Balances, readmodel.PlaceLive); live.Number != 2 || b.sums() == before {
		t.Fatalf("live is %+v, the sums are %s", live, b.sums())
	}

	head = b.write(200) // which the new version applies, and nobody the old one
	b.until("the new version follows", func() bool { return b.at(readmodel.Balances, readmodel.PlaceLive).Position == head })
	if _, err := r.Rollback(t.Context(), next, options("operator"), false); !errors.Is(err, readmodel.ErrBehind) {
		t.Errorf("the new code takes readers back: %v", err)
	}
	old := b.rebuilder()
	to, err := old.Rollback(t.Context(), projector(readmodel.Balances), options("operator"), false)
	if err != nil || to.Number != 1 || to.Position != head {
		t.Fatalf("rolled back to %+v: %v", to, err)
	}
	b.until("the new version knows", func() bool {
		return strings.Contains(value[string](b, `SELECT cause FROM readmodel.checkpoints WHERE projection = 'balances' AND live`), "rolled back")
	})
	stop()
	b.projected(head)
	b.verify()
	if to, err = r.Rollback(t.Context(), next, options("operator"), true); err != nil || to.Number != 2 {
		t.Errorf("rolled forward to %+v: %v", to, err)
	}
}

// sums tells numbers of all accounts in one line.
func (b *bank) sums() string {
	return value[string](b, `SELECT concat_ws(' ', count(*), sum(balance), sum(version), max(position)) FROM readmodel.balances`)
}

// A version that says why it differs switches by itself; one that does not differ does so too.
func TestNewerCodeRebuildsByItself(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		decoder readmodel.Decoder
		reason  string
	}{
		"same rows": {nil, ""}, "expected to differ": {buggy{}, "fees are rounded up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, 23)
			b.projected(b.write(800))
			var decoder readmodel.Decoder = b.codec
			if c.decoder != nil {
				decoder = buggy{b.codec}
			}
			next := projector(readmodel.Balances)
			next.Version, next.ExpectDiff = next.Version+1, c.reason
			r := rebuild.New(rebuild.Parts{Pool: b.projector, Log: eventstore.New(b.projector), Decoder: decoder, Logger: quiet, Config: readmodel.DefaultConfig()})
			b.write(100) // while nobody of the old version runs
			b.project(rebuild.Auto{Rebuilder: r, Options: options("newer")}, next)
			head := b.write(100)
			b.until("the new version serves", func() bool {
				live := b.at(readmodel.Balances, readmodel.PlaceLive)
				return live.Number == 2 && live.CodeVersion == next.Version && live.Position == head
			})
			if previous := b.at(readmodel.Balances, readmodel.PlacePrevious); previous.Position != 800 {
				t.Errorf("the generation of the old version stands at %+v", previous)
			}
		})
	}
}

// While somebody holds a table, the switch gives up again and again and nobody else waits for long.
func TestSwitchDoesNotHoldUpReaders(t *testing.T) {
	t.Parallel()
	b := newBank(t, 24)
	b.projected(b.write(500))
	long, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = long.Rollback(t.Context()) }()
	if _, err := long.Exec(t.Context(), `SELECT FROM readmodel.balances LIMIT 1`); err != nil {
		t.Fatal(err)
	}
	o := options("rebuild")
	waiting := make(chan struct{})
	tell := sync.OnceFunc(func() { close(waiting) })
	o.Report = func(p rebuild.Progress) {
		if strings.Contains(p.Note, "waiting for those who read") {
			tell()
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := b.rebuilder().Run(t.Context(), []readmodel.Projector{projector(readmodel.Balances)}, o)
		ended <- err
	}()
	<-waiting
	for range 20 {
		if _, _, err := b.queries.Account(t.Context(), b.customers.Accounts()[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := long.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if live := b.at(readmodel.Balances, readmodel.PlaceLive).Number; live != 2 {
		t.Errorf("generation %d is live", live)
	}
	b.verify()
}

// A vacuum of the tables is ended for a switch, which readers do not notice: they are not kept waiting behind it.
func TestSwitchDoesNotWaitForMaintenance(t *testing.T) {
	t.Parallel()
	b := newBank(t, 25)
	b.projected(b.write(500))
	other, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Rollback(t.Context()) }()
	// The lock of a vacuum or of an ANALYZE: not in the way of readers and writers.
	if _, err := other.Exec(t.Context(), `LOCK TABLE readmodel.balances IN SHARE UPDATE EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := b.rebuilder().Run(t.Context(), []readmodel.Projector{projector(readmodel.Balances)}, options("rebuild"))
		ended <- err
	}()
	b.until("the switch waits for the table", func() bool {
		return value[bool](b, `SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'readmodel.balances'::regclass AND NOT granted AND mode = 'ShareUpdateExclusiveLock')`)
	})
	if n := value[int](b, `SELECT count(*) FROM pg_locks WHERE relation = 'readmodel.balances'::regclass AND mode = 'AccessExclusiveLock'`); n != 0 {
		t.Error("readers are kept waiting behind a vacuum")
	}
	if _, _, err := b.queries.Account(t.Context(), b.customers.Accounts()[0].ID); err != nil {
		t.Error(err)
	}
	b.write(50)
	if err := other.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := value[int](b, `SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'readmodel%' AND 'autovacuum_enabled=off' = ANY(reloptions)`); n != 0 {
		t.Errorf("%d tables are closed to vacuums", n)
	}
}
