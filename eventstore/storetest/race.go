package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
)

func raceParts() []part {
	return []part{
		{"a reader does not pass an uncommitted event", noSkippedEvent},
		{"the same interleaving on a sequence skips one", sequenceSkips},
		{"a rolled back append leaves no gap", rollbackLeavesNoGap},
		{"twenty appenders at the same version: one wins", sameVersionOneWins},
		{"twenty appenders at any version: all stand", anyVersionAllStand},
		{"twenty appenders under the same key: one has an effect", sameKeyOneEffect},
		{"twenty writers by head: each loses only to another", headWriters},
		{"an idle transaction beside it stalls nothing", idleTransaction},
	}
}

// hold appends an entry in a session that stays open until release is called; then it commits, or rolls back with err.
func hold(t *testing.T, store *eventstore.Store, e eventstore.Entry) (release func(err error) error) {
	t.Helper()
	appended, outcome, done := make(chan struct{}), make(chan error), make(chan error, 1)
	go func() {
		done <- store.Exclusive(deadline(t), func(ctx context.Context, session *eventstore.Session) error {
			if err := appendIn(ctx, session, []eventstore.Entry{e}); err != nil {
				return err
			}
			close(appended)
			return <-outcome
		})
	}()
	select {
	case <-appended:
	case err := <-done:
		t.Fatalf("the holder ended: %v", err)
	}
	return func(err error) error {
		outcome <- err
		return <-done
	}
}

// appendLater appends in the background and returns when it waits for a lock.
func appendLater(t *testing.T, env Env, e eventstore.Entry) (done chan error) {
	t.Helper()
	done = make(chan error, 1)
	go func() {
		_, err := env.Store.Append(deadline(t), []eventstore.Entry{e})
		done <- err
	}()
	awaitLock(t, env.Database.Pool(t, ""))
	return done
}

// awaitLock returns when some session of the database waits for a lock.
func awaitLock(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	ctx := deadline(t)
	for {
		var waiting bool
		err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting)
		if err != nil {
			t.Fatalf("nobody waits for a lock: %v", err)
		}
		if waiting {
			return
		}
	}
}

func noSkippedEvent(t *testing.T, env Env) {
	first, second := entry(uuid.New(), 0, 1), entry(uuid.New(), 0, 1)
	release := hold(t, env.Store, first)
	done := appendLater(t, env, second)
	if got := positions(t, env.Store); len(got) != 0 {
		t.Fatalf("a reader sees %v while the first is uncommitted", got)
	}
	if err := release(nil); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	soundLog(t, env.Store, 2)
	events, err := env.Store.ReadLog(t.Context(), 0, 1)
	if err != nil || events[0].ID != first.Appends[0].Events[0].ID {
		t.Errorf("the first event of the log is %v, %v; want the one appended first", events, err)
	}
}

// sequenceSkips is the control: what noSkippedEvent looks for does happen where positions come from a sequence.
func sequenceSkips(t *testing.T, env Env) {
	pool, ctx := env.Database.Pool(t, ""), deadline(t)
	if _, err := pool.Exec(ctx, `CREATE TABLE naive (position bigserial PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	slow, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Exec(ctx, `INSERT INTO naive DEFAULT VALUES`); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `INSERT INTO naive DEFAULT VALUES`); err != nil {
		t.Fatal(err)
	}
	var cursor, missed int64
	if err := pool.QueryRow(ctx, `SELECT max(position) FROM naive`).Scan(&cursor); err != nil {
		t.Fatal(err)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM naive WHERE position <= $1`, cursor-1).Scan(&missed); err != nil {
		t.Fatal(err)
	}
	if cursor != 2 || missed != 1 {
		t.Errorf("cursor %d, skipped %d: the interleaving does not show the defect", cursor, missed)
	}
}

func rollbackLeavesNoGap(t *testing.T, env Env) {
	release := hold(t, env.Store, entry(uuid.New(), 0, 3))
	done := appendLater(t, env, entry(uuid.New(), 0, 1))
	changedMind := errors.New("changed my mind")
	if err := release(changedMind); !errors.Is(err, changedMind) {
		t.Fatalf("the session returned %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	soundLog(t, env.Store, 1)
}

const contenders = 20

// contend runs the same append from many goroutines at once and returns the verdicts.
func contend(t *testing.T, env Env, next func() eventstore.Entry) []eventstore.Verdict {
	t.Helper()
	var all sync.WaitGroup
	verdicts, start := [contenders]eventstore.Verdict{}, make(chan struct{})
	for i := range contenders {
		all.Go(func() {
			<-start
			got, err := env.Store.Append(deadline(t), []eventstore.Entry{next()})
			if err != nil {
				t.Errorf("append: %v", err)
				return
			}
			verdicts[i] = got[0]
		})
	}
	close(start)
	all.Wait()
	return verdicts[:]
}

func winners(verdicts []eventstore.Verdict) int {
	n := 0
	for _, v := range verdicts {
		if v.Err == nil {
			n++
		}
	}
	return n
}

func sameVersionOneWins(t *testing.T, env Env) {
	stream := uuid.New()
	verdicts := contend(t, env, func() eventstore.Entry { return entry(stream, 0, 1) })
	if got := winners(verdicts); got != 1 {
		t.Errorf("%d won, want 1", got)
	}
	for _, v := range verdicts {
		var conflict *eventstore.VersionConflict
		if v.Err != nil && (!errors.As(v.Err, &conflict) || conflict.Actual != 1) {
			t.Errorf("a loser got %v", v.Err)
		}
	}
	soundLog(t, env.Store, 1)
}

func anyVersionAllStand(t *testing.T, env Env) {
	stream := uuid.New()
	verdicts := contend(t, env, func() eventstore.Entry { return entry(stream, eventstore.AnyVersion, 1) })
	if got := winners(verdicts); got != contenders {
		t.Errorf("%d stand, want all %d", got, contenders)
	}
	soundLog(t, env.Store, contenders)
}

func sameKeyOneEffect(t *testing.T, env Env) {
	stream := uuid.New()
	verdicts := contend(t, env, func() eventstore.Entry { return keyed(stream, eventstore.AnyVersion, "same") })
	if got := winners(verdicts); got != 1 {
		t.Errorf("%d had an effect, want 1", got)
	}
	for _, v := range verdicts {
		var taken *eventstore.KeyTaken
		if v.Err != nil && (!errors.As(v.Err, &taken) || taken.Answer == nil || string(taken.Answer.Body) != `{"said":"same"}`) {
			t.Errorf("a loser got %v", v.Err)
		}
	}
	soundLog(t, env.Store, 1)
}

// headWriters lets many writers swap the head until each has appended once: every failure must be another's success.
func headWriters(t *testing.T, env Env) {
	var all sync.WaitGroup
	for range contenders {
		all.Go(func() {
			ctx, stream := deadline(t), uuid.New()
			for {
				at, err := env.Store.Head(ctx)
				if err == nil {
					err = appendAt(ctx, env.Store, at, at.Next(time.Now()), []eventstore.Entry{entry(stream, 0, 1)})
				}
				if errors.Is(err, eventstore.ErrHeadMoved) {
					continue
				}
				if err != nil {
					t.Errorf("append: %v", err)
				}
				return
			}
		})
	}
	all.Wait()
	soundLog(t, env.Store, contenders)
}

func idleTransaction(t *testing.T, env Env) {
	ctx := deadline(t)
	mustAppend(t, env.Store, entry(uuid.New(), 0, 1))
	idle, err := env.Database.Pool(t, "").Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// It has a transaction id and a snapshot: what stalls readers that wait for the oldest running transaction.
	if _, err := idle.Exec(ctx, `CREATE TABLE idle_beside (n int); SELECT count(*) FROM events`); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustAppend(t, env.Store, entry(uuid.New(), 0, 1))
	}
	if got := positions(t, env.Store); !slices.Equal(got, []int64{1, 2, 3, 4}) {
		t.Errorf("a reader beside an idle transaction sees %v", got)
	}
	if err := idle.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
}
