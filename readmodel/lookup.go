package readmodel

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// ErrOverloaded means that too many reads wait already. Nothing was asked of the database.
var ErrOverloaded = errors.New("too many reads are waiting")

// Limits of reading accounts by their ids.
const (
	lookupWorkers    = 2     // statements at a time: Postgres works on one while the rows of the other are handed out
	lookupBatchMax   = 512   // accounts a statement
	lookupWaitingMax = 8_192 // reads that wait for a worker
	lookupTimeout    = 10 * time.Second
)

// lookups reads accounts by their ids. Reads that wait at the same time go to the database together; nothing lingers to make
// a batch larger, batches form while the statement before them runs. A read that finds no other under way goes at once and
// by itself, which is the shortest way; so do all while no worker runs.
//
// Each read is answered from a statement that began after the read did, so that it sees whatever its caller has seen.
type lookups struct {
	ask askAccounts

	mu      sync.Mutex
	working bool
	alone   int       // reads that go by themselves right now
	busy    int       // workers that are not idle
	waiting []*lookup // oldest first

	wake chan struct{} // idle workers wait for it; has room for all
}

// askAccounts reads the accounts of different ids in one statement, passes each that there is on, and tells how fresh they
// are. Freshness is also that of a statement that found none.
type askAccounts func(ctx context.Context, ids []uuid.UUID, found func(Account)) (Freshness, error)

// lookup is one read that waits.
type lookup struct {
	id   uuid.UUID
	gone atomic.Bool // its caller waits no more
	done chan struct{}

	// Set before done.
	account Account
	fresh   Freshness
	err     error

	next *lookup // another one in the batch that asks for the same account
}

// errUnknown: there is no such account. The freshness that comes with it holds.
var errUnknown = fmt.Errorf("account: %w", ErrNotFound)

// run serves until ctx is done. What waits by then is still served.
func (ls *lookups) run(ctx context.Context) {
	ls.start()
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range lookupWorkers {
		workers.Go(func() { ls.work(ctx, stop) })
	}
	<-ctx.Done()
	ls.stop() // before the workers look for the last time: nobody begins to wait after that
	close(stop)
	workers.Wait()
}

func (ls *lookups) start() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.working, ls.busy, ls.wake = true, lookupWorkers, make(chan struct{}, lookupWorkers)
}

func (ls *lookups) stop() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.working = false
}

// read returns the account, or an error that is ErrNotFound or ErrOverloaded, that of ctx or of the database.
func (ls *lookups) read(ctx context.Context, id uuid.UUID) (Account, Freshness, error) {
	l, err := ls.join(id)
	switch {
	case err != nil:
		return Account{}, Freshness{}, err
	case l == nil:
		return ls.readAlone(ctx, id)
	}
	select {
	case <-l.done:
		return l.account, l.fresh, l.err
	case <-ctx.Done():
		l.gone.Store(true)
		return Account{}, Freshness{}, ctx.Err()
	}
}

// join makes the read wait, or returns nil when it is to go alone.
func (ls *lookups) join(id uuid.UUID) (*lookup, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	switch {
	case !ls.working || ls.alone == 0 && ls.busy == 0 && len(ls.waiting) == 0:
		ls.alone++
		return nil, nil
	case len(ls.waiting) >= lookupWaitingMax:
		return nil, ErrOverloaded
	}
	l := &lookup{id: id, done: make(chan struct{})}
	ls.waiting = append(ls.waiting, l)
	if ls.busy < lookupWorkers {
		ls.busy++
		ls.wake <- struct{}{}
	}
	return l, nil
}

func (ls *lookups) readAlone(ctx context.Context, id uuid.UUID) (found Account, fresh Freshness, err error) {
	defer func() {
		ls.mu.Lock()
		defer ls.mu.Unlock()
		ls.alone--
	}()
	err = errUnknown
	fresh, failed := ls.ask(ctx, []uuid.UUID{id}, func(a Account) { found, err = a, nil })
	if failed != nil {
		return Account{}, Freshness{}, failed
	}
	return found, fresh, err
}

// work serves batches, after stop until none waits any more.
func (ls *lookups) work(ctx context.Context, stop <-chan struct{}) {
	b := newLookupBatch()
	for last := false; ; {
		runtime.Gosched() // whoever is ready to run and about to join comes first: when there is much to do, fewer statements do it
		switch {
		case ls.take(b):
			b.serve(ctx, ls.ask)
			continue
		case last:
			return
		}
		select {
		case <-ls.wake:
		case <-stop:
			last = true
		}
	}
}

// take moves the oldest that wait into the batch. When there are none the worker is idle.
func (ls *lookups) take(b *lookupBatch) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	n := min(len(ls.waiting), lookupBatchMax)
	if n == 0 {
		ls.busy--
		return false
	}
	b.fill(ls.waiting[:n])
	rest := copy(ls.waiting, ls.waiting[n:])
	clear(ls.waiting[rest:])
	ls.waiting = ls.waiting[:rest]
	return true
}

// lookupBatch is what one statement asks for. A worker uses it again and again.
type lookupBatch struct {
	ids    []uuid.UUID // each once
	asking map[uuid.UUID]*lookup
}

func newLookupBatch() *lookupBatch { return &lookupBatch{asking: map[uuid.UUID]*lookup{}} }

func (b *lookupBatch) fill(taken []*lookup) {
	b.ids = b.ids[:0]
	clear(b.asking)
	for _, l := range taken {
		if l.gone.Load() {
			continue
		}
		if l.next = b.asking[l.id]; l.next == nil {
			b.ids = append(b.ids, l.id)
		}
		b.asking[l.id] = l
	}
}

// serve answers all of the batch. It does not end with one caller's context, nor with ctx: what was begun is finished.
func (b *lookupBatch) serve(ctx context.Context, ask askAccounts) {
	if len(b.ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	fresh, err := ask(ctx, b.ids, func(a Account) {
		for l := b.asking[a.ID]; l != nil; l = l.next {
			l.account = a
		}
	})
	for _, id := range b.ids {
		for l := b.asking[id]; l != nil; l = l.next {
			l.answer(fresh, err)
		}
	}
}

// answer ends the wait. There is no account without a version.
func (l *lookup) answer(fresh Freshness, err error) {
	switch {
	case err != nil:
		l.account, l.err = Account{}, err
	case l.account.Version == 0:
		l.fresh, l.err = fresh, errUnknown
	default:
		l.fresh = fresh
	}
	close(l.done)
}
