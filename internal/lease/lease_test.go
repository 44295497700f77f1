package lease_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"passbook/eventstore"
	"passbook/internal/lease"
	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const (
	name    = "relay"
	role    = "passbook_command"
	ttl     = time.Second
	longTTL = time.Hour // never runs out within a test
	patient = 20 * time.Second
)

var quiet = slog.New(slog.DiscardHandler)

func TestOneLeadsAndTheOtherWaits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	first := start(t, db.Pool(t, role), "first", ttl)
	await(t, first.leading, "the first to lead")
	second := start(t, db.Pool(t, role), "second", ttl)

	select {
	case <-second.leading:
		t.Fatal("a second holder leads while the first one renews")
	case <-time.After(2 * ttl): // longer than an unrenewed lease would last
	}
	if !first.IsLeader() || second.IsLeader() {
		t.Errorf("IsLeader: first %v, second %v", first.IsLeader(), second.IsLeader())
	}
	holder := current(t, db)
	if holder.Name != "first" || !holder.Held || holder.Epoch != first.Epoch() {
		t.Errorf("current holder is %+v, want first under epoch %d", holder, first.Epoch())
	}
}

func TestACleanStopHandsOverAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	first := start(t, db.Pool(t, role), "first", longTTL)
	old := await(t, first.leading, "the first to lead")
	second := start(t, db.Pool(t, role), "second", longTTL)

	first.stop()
	await(t, first.ended, "the first to end")
	if taken := await(t, second.leading, "the second to lead"); taken.epoch <= old.epoch {
		t.Errorf("epoch went from %d to %d", old.epoch, taken.epoch)
	}
}

func TestTheLeaseIsHeldUntilLeadHasReturned(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	flushing := make(chan struct{})
	first := startLead(t, db.Pool(t, role), "first", ttl, func(ctx context.Context) error {
		<-ctx.Done()
		<-flushing
		return nil
	})
	finish := sync.OnceFunc(func() { close(flushing) })
	t.Cleanup(finish)
	await(t, first.leading, "the first to lead")
	first.stop()
	await(t, first.stopping, "the first to be told")

	second := start(t, db.Pool(t, role), "second", ttl)
	select {
	case <-second.leading:
		t.Error("the second leads while the first is still winding down")
	case <-time.After(2 * ttl):
	}
	finish()
	await(t, second.leading, "the second to lead")
}

// A leader that cannot renew must be out before the database would give the lease to another, whatever the renewal hangs in.
func TestALeaderThatCannotRenewIsOutInTime(t *testing.T) {
	t.Parallel()
	hangs := map[string]func(*testing.T, *pgtest.DB, *pgxpool.Pool){
		"no connection is free":         func(t *testing.T, _ *pgtest.DB, pool *pgxpool.Pool) { occupy(t, pool) },
		"the statement waits on a lock": func(t *testing.T, db *pgtest.DB, _ *pgxpool.Pool) { lockRow(t, db) },
	}
	for what, hang := range hangs {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t, eventstore.Migrations)
			pool := single(t, db)
			first := start(t, pool, "first", 2*ttl)
			await(t, first.leading, "the first to lead")

			hang(t, db, pool)
			told := await(t, first.stopping, "the first to be told")
			if holder := current(t, db); !told.at.Before(holder.ExpiresAt) {
				t.Errorf("lead was told at %s, when the lease was free since %s", told.at, holder.ExpiresAt)
			}
			if !errors.Is(told.cause, lease.ErrLost) {
				t.Errorf("cause is %v, want ErrLost", told.cause)
			}
			if first.IsLeader() {
				t.Error("still says it is the leader")
			}
		})
	}
}

func TestAnotherTakesOverFromOneThatHangs(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	pool := single(t, db)
	first := start(t, pool, "first", ttl)
	old := await(t, first.leading, "the first to lead")
	second := start(t, db.Pool(t, role), "second", ttl)

	release := occupy(t, pool)
	taken := await(t, second.leading, "the second to take over")
	if taken.epoch <= old.epoch {
		t.Errorf("epoch went from %d to %d", old.epoch, taken.epoch)
	}
	if told := await(t, first.stopping, "the first to be told"); !told.at.Before(taken.at) {
		t.Errorf("the second led at %s, the first was told only at %s", taken.at, told.at)
	}
	release()
	if got := current(t, db); got.Name != "second" {
		t.Errorf("the late first disturbed the lease: %+v", got)
	}
}

// Waiting for the lease to run out would be too long here: it has been seen to be gone.
func TestLosingTheRowEndsTheLeadAtTheNextRenewal(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	first := start(t, db.Pool(t, role), "first", 6*ttl)
	await(t, first.leading, "the first to lead")
	exec(t, db, "UPDATE leases SET holder = 'operator', epoch = epoch + 1")
	taken := time.Now()
	told := await(t, first.stopping, "the first to be told")
	if late := told.at.Sub(taken); late > 4*ttl {
		t.Errorf("told only %s later", late)
	}
	if !errors.Is(told.cause, lease.ErrLost) {
		t.Errorf("cause is %v, want ErrLost", told.cause)
	}
}

func TestALeadThatFailsIsTriedAgainUnderANewEpoch(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	first := startLead(t, db.Pool(t, role), "first", longTTL/1000, func(context.Context) error { return errors.New("broken") })
	before := await(t, first.leading, "the first lead")
	if again := await(t, first.leading, "the second lead"); again.epoch != before.epoch+1 {
		t.Errorf("epoch went from %d to %d", before.epoch, again.epoch)
	}
}

// Many holders that hand over as fast as they can: never two at once, and every epoch greater than the one before.
func TestNeverTwoLeaders(t *testing.T) {
	t.Parallel()
	const holders, leads = 4, 30
	db := pgtest.New(t, eventstore.Migrations)
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	var now, last, count atomic.Int64
	lead := func(_ context.Context, epoch int64) error {
		if other := now.Swap(epoch); other != 0 {
			t.Errorf("epochs %d and %d lead at once", other, epoch)
		}
		if before := last.Swap(epoch); epoch <= before {
			t.Errorf("epoch %d after %d", epoch, before)
		}
		now.Store(0)
		if count.Add(1) == leads {
			cancel()
		}
		return nil
	}
	var running sync.WaitGroup
	for i := range holders {
		l := lease.New(db.Pool(t, role), name, fmt.Sprint("holder ", i), 2*ttl, quiet)
		running.Go(func() { _ = l.Run(ctx, lead) })
	}
	running.Wait()
	if n := count.Load(); n < leads {
		t.Errorf("only %d leads within %s", n, patient)
	}
}

func TestADatabaseThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	exec(t, db, "ALTER TABLE leases RENAME TO away")
	first := start(t, db.Pool(t, role), "first", ttl)
	select {
	case <-first.leading:
		t.Fatal("leads without a lease")
	case <-time.After(ttl / 2):
	}
	exec(t, db, "ALTER TABLE away RENAME TO leases")
	await(t, first.leading, "the first to lead")
}

func TestCurrentOfALeaseNobodyHeld(t *testing.T) {
	t.Parallel()
	if got := current(t, pgtest.New(t, eventstore.Migrations)); got != (lease.Holder{}) {
		t.Errorf("got %+v, want nothing", got)
	}
}

func TestRunLeavesNoGoroutines(t *testing.T) {
	db := pgtest.New(t, eventstore.Migrations)
	pool := db.Pool(t, role)
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	l := lease.New(pool, name, "only", ttl, quiet)
	err := l.Run(ctx, func(context.Context, int64) error { cancel(); return nil })
	if err != nil {
		t.Errorf("Run returned %v", err)
	}
	goleak.VerifyNone(t, before)
}

// stake is a lease being run, with signals for what happens to it.
type stake struct {
	*lease.Lease
	stop     context.CancelFunc
	leading  chan moment   // lead begins
	stopping chan moment   // lead's context ends
	ended    chan struct{} // Run has returned
}

type moment struct {
	at    time.Time
	epoch int64
	cause error
}

func start(t *testing.T, pool *pgxpool.Pool, holder string, ttl time.Duration) *stake {
	t.Helper()
	return startLead(t, pool, holder, ttl, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
}

func startLead(t *testing.T, pool *pgxpool.Pool, holder string, ttl time.Duration, lead func(context.Context) error) *stake {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &stake{
		Lease:    lease.New(pool, name, holder, ttl, quiet),
		stop:     cancel,
		leading:  make(chan moment, 100),
		stopping: make(chan moment, 100),
		ended:    make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		_ = s.Run(ctx, func(ctx context.Context, epoch int64) error {
			s.leading <- moment{at: time.Now(), epoch: epoch}
			context.AfterFunc(ctx, func() { s.stopping <- moment{time.Now(), epoch, context.Cause(ctx)} })
			return lead(ctx)
		})
	}()
	t.Cleanup(func() { cancel(); <-s.ended })
	return s
}

func await[T any](t *testing.T, signal <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-signal:
		return v
	case <-time.After(patient):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// single is a pool of one connection, which a test can occupy.
func single(t *testing.T, db *pgtest.DB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: db.URL, Role: role, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func occupy(t *testing.T, pool *pgxpool.Pool) (release func()) {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(conn.Release)
	t.Cleanup(release)
	return release
}

func lockRow(t *testing.T, db *pgtest.DB) {
	t.Helper()
	tx, err := db.Pool(t, "").Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	if _, err := tx.Exec(t.Context(), "SELECT FROM leases FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
}

func current(t *testing.T, db *pgtest.DB) lease.Holder {
	t.Helper()
	holder, err := lease.Current(t.Context(), db.Pool(t, "passbook_query"), name)
	if err != nil {
		t.Fatal(err)
	}
	return holder
}

func exec(t *testing.T, db *pgtest.DB, sql string) {
	t.Helper()
	if _, err := db.Pool(t, "").Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
