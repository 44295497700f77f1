package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/readmodel"
)

// past is a log in memory, whose events are those of a few accounts of a few owners in turn.
type past struct {
	mu            sync.Mutex
	news          []readmodel.News // by position, from 1
	reached, head int64
	asked         int
	fail          error
}

var accounts = []uuid.UUID{{1}, {2}, {3}, {4}, {5}}

func ownerOf(account int) string { return fmt.Sprint("owner-", account/2) }

// happen adds events, of accounts that chance picks. The read models have them at once.
func (p *past) happen(random *rand.Rand, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range n {
		account := random.IntN(len(accounts))
		p.news = append(p.news, readmodel.News{
			OwnerID: ownerOf(account), TimelineRow: readmodel.TimelineRow{AccountID: accounts[account], Position: int64(len(p.news) + 1)},
		})
	}
	p.reached, p.head = int64(len(p.news)), int64(len(p.news))
}

func (p *past) News(_ context.Context, f readmodel.NewsFilter, after int64) (readmodel.NewsPage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	page := readmodel.NewsPage{Through: max(after, p.reached), Reached: p.reached, Head: p.head}
	for i := after; i < p.reached; i++ {
		if n := p.news[i]; f.Picks(&n) {
			page.News = append(page.News, n)
		}
		if len(page.News) == readmodel.NewsPageMax {
			page.Through = i + 1
			break
		}
	}
	return page, p.fail
}

func (p *past) Reached(context.Context) (reached, head int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return p.reached, p.head, p.fail
}

func (p *past) questions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// positions are those of the events that a filter picks, behind a position.
func (p *past) positions(f readmodel.NewsFilter, after int64) (list []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.news[after:] {
		if f.Picks(&n) {
			list = append(list, n.Position)
		}
	}
	return list
}

func start(t *testing.T, p *past, cfg Config) *Broadcast {
	t.Helper()
	cfg.Log, cfg.Metrics = slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	b, err := New(p, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = b.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return b
}

func listen(t *testing.T, b *Broadcast, f readmodel.NewsFilter, after int64) *Listener {
	t.Helper()
	l, err := b.Listen(t.Context(), "caller", f, after)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// hear takes until there is nothing more to hear for a while.
func hear(t *testing.T, l *Listener) (positions []int64, err error) {
	t.Helper()
	for {
		heard, again, err := l.Take(t.Context())
		if err != nil {
			return positions, err
		}
		for _, m := range heard {
			positions = append(positions, m.News.Position)
		}
		if again {
			continue
		}
		select {
		case <-l.Roused():
		case <-time.After(time.Second):
			return positions, nil
		}
	}
}

// Whoever listens, from wherever, comes and goes, hears each event that it asked for once and in order.
func TestEachEventOnceInOrder(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 0))
		p := &past{}
		p.happen(random, 3_000)
		b := start(t, p, Config{Kept: 200, Queue: 100})
		filters := []readmodel.NewsFilter{{}, {AccountID: accounts[0]}, {AccountID: accounts[3]}, {OwnerID: "owner-0"}, {OwnerID: "owner-2"}, {OwnerID: "nobody"}}
		heard := make([][]int64, len(filters))
		at := make([]int64, len(filters))
		for round := range 60 {
			for i, f := range filters {
				l := listen(t, b, f, at[i])
				if random.IntN(2) == 0 {
					p.happen(random, random.IntN(40))
				}
				if random.IntN(3) > 0 || round == 59 {
					positions, err := hear(t, l)
					if err != nil {
						t.Fatalf("%+v: %v", f, err)
					}
					heard[i] = append(heard[i], positions...)
				} else if some, _, err := l.Take(t.Context()); err != nil {
					t.Fatalf("%+v: %v", f, err)
				} else {
					for _, m := range some {
						heard[i] = append(heard[i], m.News.Position)
					}
				}
				at[i] = l.Position()
				l.Close(Gone)
			}
			p.happen(random, random.IntN(300))
		}
		for i, f := range filters {
			l := listen(t, b, f, at[i])
			positions, err := hear(t, l)
			l.Close(Gone)
			heard[i] = append(heard[i], positions...)
			if want := p.positions(f, 0); err != nil || fmt.Sprint(heard[i]) != fmt.Sprint(want) {
				t.Errorf("%+v heard %d of %d events, or not in order; %v", f, len(heard[i]), len(want), err)
			}
		}
	})
}

// A thousand that listen cost the database what one does, and none costs nothing.
func TestTheDatabaseIsAskedForAllAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &past{}
		b := start(t, p, Config{ListenersPerCaller: 1_000})
		<-time.After(time.Hour)
		if n := p.questions(); n != 0 {
			t.Errorf("%d questions while nobody listens", n)
		}
		var all []*Listener
		for i := range 1_000 {
			all = append(all, listen(t, b, readmodel.NewsFilter{AccountID: accounts[i%5]}, FromNow))
		}
		for _, l := range all {
			if _, _, err := l.Take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		before := p.questions()
		p.happen(rand.New(rand.NewPCG(1, 2)), 100)
		heard := 0
		<-time.After(time.Second)
		for _, l := range all {
			positions, _, err := l.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			heard += len(positions)
			l.Close(Gone)
		}
		if n := p.questions() - before; heard != 100*200 || n < 1 || n > 51 {
			t.Errorf("%d events heard, %d questions in a second", heard, n)
		}
	})
}

func TestWhoDoesNotKeepUpIsDroppedAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, random := &past{}, rand.New(rand.NewPCG(1, 2))
		b := start(t, p, Config{Queue: 10, SlowAfter: 1500 * time.Millisecond})
		slow, quick := listen(t, b, readmodel.NewsFilter{}, FromNow), listen(t, b, readmodel.NewsFilter{}, FromNow)
		defer quick.Close(Gone)
		for range 3 {
			for _, l := range []*Listener{slow, quick} {
				if l == quick || p.head == 0 {
					if _, err := hear(t, l); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.happen(random, 8)
		}
		heard, err := hear(t, slow)
		var dropped Dropped
		if !errors.As(err, &dropped) || dropped.Reason != SlowConsumer || len(heard) != 0 || slow.Position() != 0 {
			t.Fatalf("%v, heard %v, at %d", err, heard, slow.Position())
		}
		slow.Close(dropped.Reason)
		again := listen(t, b, readmodel.NewsFilter{}, slow.Position())
		defer again.Close(Gone)
		if heard, err := hear(t, again); err != nil || fmt.Sprint(heard) != fmt.Sprint(p.positions(readmodel.NewsFilter{}, 0)) {
			t.Errorf("%v, heard %v", err, heard)
		}
	})
}

func TestALogThatWasRestoredDropsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &past{}
		p.happen(rand.New(rand.NewPCG(1, 2)), 20)
		b := start(t, p, Config{})
		if _, err := b.Listen(t.Context(), "caller", readmodel.NewsFilter{}, 21); !errors.Is(err, ErrAhead) {
			t.Errorf("behind the end: %v", err)
		}
		l := listen(t, b, readmodel.NewsFilter{AccountID: accounts[1]}, 20)
		behind := listen(t, b, readmodel.NewsFilter{}, 0)
		if _, err := hear(t, l); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.news, p.reached, p.head = p.news[:7], 7, 7
		p.mu.Unlock()
		for _, l := range []*Listener{l, behind} {
			_, err := hear(t, l)
			var dropped Dropped
			if !errors.As(err, &dropped) || dropped.Reason != LogRestored || l.Position() > 7 {
				t.Errorf("%v, to go on from %d", err, l.Position())
			}
			l.Close(LogRestored)
		}
	})
}

// Read models that are taken back tell nothing twice, and nobody asks again and again meanwhile.
func TestReadModelsThatAreTakenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, random := &past{}, rand.New(rand.NewPCG(1, 2))
		p.happen(random, 20)
		b := start(t, p, Config{})
		l := listen(t, b, readmodel.NewsFilter{}, 0)
		defer l.Close(Gone)
		first, err := hear(t, l)
		if err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.reached = 5
		p.mu.Unlock()
		if heard, err := hear(t, l); err != nil || len(heard) != 0 {
			t.Errorf("heard %v, %v", heard, err)
		}
		p.happen(random, 5)
		second, err := hear(t, l)
		if heard := append(first, second...); err != nil || fmt.Sprint(heard) != fmt.Sprint(p.positions(readmodel.NewsFilter{}, 0)) {
			t.Errorf("heard %v, %v", heard, err)
		}
	})
}

func TestLimitsOfListeners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &past{}, Config{ListenersMax: 3, ListenersPerCaller: 2})
		open := func(caller string) (*Listener, error) {
			return b.Listen(t.Context(), caller, readmodel.NewsFilter{}, FromNow)
		}
		var listeners []*Listener
		for _, caller := range []string{"ada", "ada", "bob"} {
			l, err := open(caller)
			if err != nil {
				t.Fatal(err)
			}
			listeners = append(listeners, l)
		}
		var tooMany ErrTooMany
		if _, err := open("bob"); !errors.As(err, &tooMany) || tooMany.OfCaller() || tooMany.Max != 3 {
			t.Errorf("a fourth: %v", err)
		}
		listeners[2].Close(Gone)
		if _, err := open("ada"); !errors.As(err, &tooMany) || !tooMany.OfCaller() || tooMany.Max != 2 {
			t.Errorf("a third of ada's: %v", err)
		}
		listeners[0].Close(Gone)
		l, err := open("ada")
		if err != nil {
			t.Fatal(err)
		}
		l.Close(Gone)
		listeners[1].Close(Gone)
	})
}
