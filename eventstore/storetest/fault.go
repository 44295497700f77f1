package storetest

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
)

func faultParts() []part {
	return []part{
		{"the connection breaks after COMMIT was sent", func(t *testing.T, env Env) { brokenCommit(t, env, true) }},
		{"the connection breaks before COMMIT was sent", func(t *testing.T, env Env) { brokenCommit(t, env, false) }},
		{"the connection breaks after a batch was sent", brokenAppendAt},
		{"the session is ended in the middle", endedSession},
	}
}

// faulty is a connection that breaks at the next write once it is armed: before the bytes leave, or after.
type faulty struct {
	net.Conn
	fault *fault
}

type fault struct {
	armed   atomic.Bool
	deliver bool
}

func (c faulty) Write(b []byte) (int, error) {
	if !c.fault.armed.CompareAndSwap(true, false) {
		return c.Conn.Write(b)
	}
	if c.fault.deliver {
		if _, err := c.Conn.Write(b); err != nil {
			return 0, err
		}
		c.awaitAnswer()
	}
	_ = c.Close()
	return len(b), nil
}

// awaitAnswer reads the server's answer and throws it away: the server has carried out what it was sent.
func (c faulty) awaitAnswer() { _, _ = c.Read(make([]byte, 1)) }

// storeWithFault is a second store on the database, through connections that can be broken.
func storeWithFault(t *testing.T, env Env, deliver bool) (*eventstore.Store, *fault) {
	t.Helper()
	config, err := pgxpool.ParseConfig(env.RoleURL(WriterRole))
	if err != nil {
		t.Fatal(err)
	}
	f := &fault{deliver: deliver}
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return faulty{Conn: conn, fault: f}, err
	}
	config.ConnConfig.RuntimeParams["role"] = WriterRole
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return eventstore.New(pool), f
}

func brokenCommit(t *testing.T, env Env, deliver bool) {
	store, f := storeWithFault(t, env, deliver)
	err := store.Exclusive(deadline(t), func(ctx context.Context, session *eventstore.Session) error {
		err := appendIn(ctx, session, []eventstore.Entry{keyed(uuid.New(), 0, "unsure")})
		f.armed.Store(true)
		return err
	})
	if !errors.Is(err, eventstore.ErrOutcomeUnknown) {
		t.Fatalf("a broken commit returned %v", err)
	}
	outcomeIsFound(t, env, deliver)
}

func brokenAppendAt(t *testing.T, env Env) {
	store, f := storeWithFault(t, env, true)
	// The first one prepares the statement, so that the second is a single message.
	if err := appendAt(t.Context(), store, eventstore.Head{}, time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	f.armed.Store(true)
	err := appendAt(deadline(t), store, eventstore.Head{}, time.Now(), []eventstore.Entry{keyed(uuid.New(), 0, "unsure")})
	if !errors.Is(err, eventstore.ErrOutcomeUnknown) {
		t.Fatalf("a broken append returned %v", err)
	}
	outcomeIsFound(t, env, true)
}

// outcomeIsFound shows that the next holder of the head knows what became of the key "unsure".
func outcomeIsFound(t *testing.T, env Env, committed bool) {
	t.Helper()
	key := eventstore.Key{Caller: "storetest", Key: "unsure"}
	err := env.Store.Exclusive(deadline(t), func(ctx context.Context, session *eventstore.Session) error {
		answers, err := session.Answers(ctx, []eventstore.Key{key})
		if _, found := answers[key]; found != committed {
			t.Errorf("the answer is found: %t, want %t", found, committed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	events := 0
	if committed {
		events = 1
	}
	soundLog(t, env.Store, events)
}

func endedSession(t *testing.T, env Env) {
	admin := env.Database.Pool(t, "")
	err := env.Store.Exclusive(deadline(t), func(ctx context.Context, session *eventstore.Session) error {
		if err := appendIn(ctx, session, []eventstore.Entry{entry(uuid.New(), 0, 1)}); err != nil {
			return err
		}
		_, err := admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'idle in transaction'`)
		return err
	})
	if err == nil {
		t.Fatal("the commit of an ended session succeeded")
	}
	soundLog(t, env.Store, 0)
	mustAppend(t, env.Store, entry(uuid.New(), 0, 1))
}
