package readmodel_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"passbook/internal/pgkit"
	"passbook/readmodel"
)

func TestWaitFor(t *testing.T) {
	t.Parallel()
	b := newBank(t, 40)
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	head := b.write(50)
	fresh, err := b.queries.WaitFor(t.Context(), head)
	if err != nil || fresh.Position != head || fresh.LagMilliseconds != 0 {
		t.Errorf("%+v, %v", fresh, err)
	}
	// Behind the end of the log there is nothing to wait for.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = b.queries.WaitFor(ctx, head+1, readmodel.Balances)
	if stale, ok := errors.AsType[readmodel.ErrStale](err); !ok || stale.Position != head {
		t.Errorf("waiting for what is not written: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err = b.queries.WaitFor(ctx, head+1); !errors.Is(err, context.Canceled) {
		t.Errorf("given up by the caller: %v", err)
	}
	if _, ok := errors.AsType[readmodel.ErrStale](err); ok {
		t.Errorf("given up by the caller is not stale: %v", err)
	}
}

// A projection that does not exist, or has not begun, has reached nothing.
func TestWaitForAProjectionThatNeverBegan(t *testing.T) {
	t.Parallel()
	b := newBank(t, 41)
	head := b.write(50)
	parts := b.parts(nil)
	parts.Projectors = parts.Projectors[:1]
	b.run(b.engine(parts, testConfig()).Run)
	if _, err := b.queries.WaitFor(t.Context(), head, readmodel.Balances); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.queries.WaitFor(ctx, head, readmodel.Balances, readmodel.Timeline)
	if stale, ok := errors.AsType[readmodel.ErrStale](err); !ok || stale.Position != 0 {
		t.Errorf("got %v", err)
	}
}

// Hundreds wait, some give up, and one at a time looks at the database.
func TestManyWaitersShareOneLook(t *testing.T) {
	t.Parallel()
	b := newBank(t, 42)
	looks := &countLooks{}
	pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: b.db.URL, Role: "passbook_query", Tracer: looks})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	queries := readmodel.NewQueries(pool)
	b.run(b.engine(b.parts(nil), testConfig()).Run)

	const waiting = 300
	var done sync.WaitGroup
	var served, stale atomic.Int64
	for i := range waiting {
		done.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			if i%3 == 0 {
				ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
			}
			defer cancel()
			fresh, err := queries.WaitFor(ctx, 100)
			switch _, ok := errors.AsType[readmodel.ErrStale](err); {
			case err == nil && fresh.Position >= 100:
				served.Add(1)
			case ok && i%3 == 0:
				stale.Add(1)
			default:
				t.Errorf("%+v, %v", fresh, err)
			}
		})
	}
	b.within(10*time.Second, "some have given up", func() bool { return stale.Load() == waiting/3 })
	b.write(100)
	done.Wait()
	if served.Load() != waiting-waiting/3 {
		t.Errorf("%d served", served.Load())
	}
	if most := looks.most.Load(); most != 1 {
		t.Errorf("%d looked at once", most)
	}
}

// countLooks counts the statements that run at the same time.
type countLooks struct{ now, most atomic.Int64 }

func (c *countLooks) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if n := c.now.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	return ctx
}

func (c *countLooks) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { c.now.Add(-1) }

func TestProjectionsTellTheirLag(t *testing.T) {
	t.Parallel()
	b := newBank(t, 43)
	head := b.write(100)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(head)
	stop()
	if s := b.status(readmodel.Timeline); s.State != readmodel.StateLive || s.LagEvents != 0 || s.LagMilliseconds != 0 || s.Position != head || s.Head != head ||
		s.Generation != 1 || !s.Live || time.Since(s.UpdatedAt) > time.Hour {
		t.Errorf("at the head: %+v", s)
	}
	oldest := b.write(1)
	b.write(20)
	s := b.status(readmodel.Timeline)
	age := time.Since(b.readLog(oldest-1, 1)[0].RecordedAt).Milliseconds()
	if s.State != readmodel.StateCatchingUp || s.LagEvents != 21 || s.LagMilliseconds < age-60_000 || s.LagMilliseconds > age+60_000 {
		t.Errorf("21 events behind: %+v, the oldest is %d ms old", s, age)
	}
	_, fresh, err := b.queries.Account(t.Context(), b.customers.Accounts()[0].ID)
	if err != nil || fresh.Position != head || fresh.LagMilliseconds < age-60_000 {
		t.Errorf("freshness of a read: %+v, %v", fresh, err)
	}
}
