package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/eventstore"
)

func appenderParts() []part {
	return []part{
		{"batches sent one behind the other stand in their order", appenderInOrder},
		{"a batch that was answered can be used again, for fewer entries and for more", appenderReuses},
		{"a batch behind one that failed does not stand, though the head has come to its position", appenderBehindFailed},
		{"a batch behind one that Postgres refused does not stand", appenderBehindRefused},
		{"batches whose connection ends are of unknown outcome, and the next ones stand", appenderBroken},
		{"a batch that is not answered in time is given up and not written later", appenderGivesUp},
		{"a closed appender has answered everything", appenderCloses},
		{"without a connection nothing is sent, and the next batch makes one", appenderUnconnected},
	}
}

// newAppender returns an appender of the store, closed when the test ends.
func newAppender(t *testing.T, store *eventstore.Store, timeout time.Duration) eventstore.Appender {
	t.Helper()
	a := store.Appender(timeout)
	t.Cleanup(a.Close)
	return a
}

// send sends the entries as a batch behind the head, and returns the head behind them and the outcome when it comes.
func send(t *testing.T, a eventstore.Appender, head eventstore.Head, entries ...eventstore.Entry) (after eventstore.Head, outcome <-chan error) {
	t.Helper()
	batch, err := eventstore.NewBatch(head.Next(time.Now()), entries...)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	a.Append(t.Context(), head, batch, func(err error) { answered <- err })
	return batch.After(head), answered
}

func await(t *testing.T, outcome <-chan error) error {
	t.Helper()
	select {
	case err := <-outcome:
		return err
	case <-time.After(patience):
		t.Fatal("no outcome")
		return nil
	}
}

func appenderReuses(t *testing.T, env Env) {
	a, at, batch, total := newAppender(t, env.Store, patience), eventstore.Head{}, new(eventstore.Batch), 0
	for round, n := range []int{30, 1, 0, 40} {
		batch.Reset(at.Next(time.Now()))
		for i := range n {
			entry := keyed(uuid.New(), 0, fmt.Sprint("key ", round, " ", i))
			if err := batch.Add(&entry); err != nil {
				t.Fatal(err)
			}
		}
		answered := make(chan error, 1)
		a.Append(t.Context(), at, batch, func(err error) { answered <- err })
		if err := await(t, answered); err != nil {
			t.Fatalf("%d entries: %v", n, err)
		}
		at = batch.After(at)
		total += n
		soundLog(t, env.Store, total)
	}
	if got := head(t, env.Store); got != at {
		t.Errorf("the head is %+v, the writer thought %+v", got, at)
	}
}

func appenderInOrder(t *testing.T, env Env) {
	a, at, stream := newAppender(t, env.Store, patience), eventstore.Head{}, uuid.New()
	var outcomes []<-chan error
	for version := range int64(10) {
		after, outcome := send(t, a, at, keyed(stream, version, fmt.Sprint("key ", version)))
		at, outcomes = after, append(outcomes, outcome)
	}
	for i, outcome := range outcomes {
		if err := await(t, outcome); err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	soundLog(t, env.Store, 10)
	if got := head(t, env.Store); got != at {
		t.Errorf("the head is %+v, the writer thought %+v", got, at)
	}
}

// Somebody else's event takes the place of ours: the second batch, decided behind ours, finds the position that it demands.
func appenderBehindFailed(t *testing.T, env Env) {
	a, at := newAppender(t, env.Store, patience), head(t, env.Store)
	mustAppend(t, env.Store, entry(uuid.New(), 0, 1))
	stream := uuid.New()
	behind, first := send(t, a, at, keyed(stream, 0, "first"))
	if now := head(t, env.Store); now.Position != behind.Position {
		t.Fatalf("the head is at %d, not where the first batch would have left it, %d", now.Position, behind.Position)
	}
	_, second := send(t, a, behind, keyed(stream, 1, "second"))
	for name, outcome := range map[string]<-chan error{"first": first, "second": second} {
		if err := await(t, outcome); !errors.Is(err, eventstore.ErrHeadMoved) {
			t.Errorf("the %s batch: %v", name, err)
		}
		noAnswer(t, env.Store, name)
	}
	soundLog(t, env.Store, 1)
	_, third := send(t, a, head(t, env.Store), entry(stream, 0, 1))
	if err := await(t, third); err != nil {
		t.Errorf("a batch behind the true head: %v", err)
	}
}

func appenderBehindRefused(t *testing.T, env Env) {
	stream := uuid.New()
	mustAppend(t, env.Store, keyed(stream, 0, "known"))
	a := newAppender(t, env.Store, patience)
	behind, first := send(t, a, head(t, env.Store), keyed(stream, 1, "known"))
	_, second := send(t, a, behind, keyed(stream, 2, "second"))
	var taken *eventstore.KeyTaken
	if err := await(t, first); !errors.As(err, &taken) {
		t.Errorf("a known key: %v", err)
	}
	if err := await(t, second); !errors.Is(err, eventstore.ErrHeadMoved) {
		t.Errorf("the batch behind it: %v", err)
	}
	soundLog(t, env.Store, 1)
}

// holdHead holds the head of the log until the returned function is called.
func holdHead(t *testing.T, store *eventstore.Store) (release func()) {
	t.Helper()
	held, let, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		over <- store.Exclusive(context.WithoutCancel(t.Context()), func(context.Context, *eventstore.Session) error {
			close(held)
			<-let
			return nil
		})
	}()
	<-held
	return func() {
		close(let)
		if err := <-over; err != nil {
			t.Error(err)
		}
	}
}

// awaitWaiting returns when so many sessions wait for the head.
func awaitWaiting(t *testing.T, env Env, want int) {
	t.Helper()
	admin, ctx := env.Database.Pool(t, ""), deadline(t)
	for {
		var waiting int
		err := admin.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		if waiting == want {
			return
		}
	}
}

func appenderBroken(t *testing.T, env Env) {
	a, stream := newAppender(t, env.Store, patience), uuid.New()
	release := holdHead(t, env.Store)
	behind, first := send(t, a, eventstore.Head{}, keyed(stream, 0, "first"))
	_, second := send(t, a, behind, keyed(stream, 1, "second"))
	awaitWaiting(t, env, 1)
	_, err := env.Database.Pool(t, "").Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`)
	if err != nil {
		t.Fatal(err)
	}
	for name, outcome := range map[string]<-chan error{"first": first, "second": second} {
		if err := await(t, outcome); !errors.Is(err, eventstore.ErrOutcomeUnknown) {
			t.Errorf("the %s batch: %v", name, err)
		}
	}
	release()
	soundLog(t, env.Store, 0)
	_, third := send(t, a, head(t, env.Store), entry(stream, 0, 1))
	if err := await(t, third); err != nil {
		t.Errorf("the next batch: %v", err)
	}
	soundLog(t, env.Store, 1)
}

func appenderGivesUp(t *testing.T, env Env) {
	a := newAppender(t, env.Store, 300*time.Millisecond)
	_, ready := send(t, a, eventstore.Head{}) // makes the connection
	if err := await(t, ready); err != nil {
		t.Fatal(err)
	}
	release := holdHead(t, env.Store)
	_, outcome := send(t, a, head(t, env.Store), entry(uuid.New(), 0, 1))
	if err := await(t, outcome); !errors.Is(err, eventstore.ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
	awaitWaiting(t, env, 0)
	release()
	soundLog(t, env.Store, 0)
}

func appenderCloses(t *testing.T, env Env) {
	a, at := env.Store.Appender(patience), eventstore.Head{}
	var outcomes []<-chan error
	for range 5 {
		after, outcome := send(t, a, at, entry(uuid.New(), 0, 1))
		at, outcomes = after, append(outcomes, outcome)
	}
	a.Close()
	for i, outcome := range outcomes {
		select {
		case err := <-outcome:
			if err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
		default:
			t.Errorf("batch %d has no outcome", i)
		}
	}
	soundLog(t, env.Store, 5)
}

func appenderUnconnected(t *testing.T, env Env) {
	pool := env.Database.Pool(t, WriterRole)
	store := eventstore.New(pool)
	a := newAppender(t, store, 200*time.Millisecond)
	taken := pool.AcquireAllIdle(t.Context())
	for len(taken) < int(pool.Config().MaxConns) {
		conn, err := pool.Acquire(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, conn)
	}
	_, outcome := send(t, a, eventstore.Head{}, entry(uuid.New(), 0, 1))
	if err := await(t, outcome); err == nil || errors.Is(err, eventstore.ErrOutcomeUnknown) {
		t.Errorf("without a connection: %v", err)
	}
	for _, conn := range taken {
		conn.Release()
	}
	_, outcome = send(t, a, eventstore.Head{}, entry(uuid.New(), 0, 1))
	if err := await(t, outcome); err != nil {
		t.Errorf("with a connection again: %v", err)
	}
	soundLog(t, env.Store, 1)
}
