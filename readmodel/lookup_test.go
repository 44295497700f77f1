package readmodel

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"
)

// ledger stands for the database: it answers statements when the test lets it.
type ledger struct {
	lookups
	hold chan error // a statement ends with what is sent here; none waits for it when it is nil

	mu         sync.Mutex
	statements [][]uuid.UUID
	truth      atomic.Int64 // position and version of every account, as a statement sees it when it begins
}

func newLedger() *ledger {
	l := &ledger{hold: make(chan error)}
	l.truth.Store(1)
	l.ask = func(ctx context.Context, ids []uuid.UUID, found func(Account)) (Freshness, error) {
		seen := l.truth.Load()
		l.mu.Lock()
		l.statements = append(l.statements, slices.Clone(ids))
		hold := l.hold
		l.mu.Unlock()
		if err := await(ctx, hold); err != nil {
			return Freshness{}, err
		}
		for _, id := range ids {
			if id != uuid.Nil {
				found(Account{ID: id, Version: seen})
			}
		}
		return Freshness{Position: seen}, nil
	}
	return l
}

func await(ctx context.Context, hold <-chan error) error {
	if hold == nil {
		runtime.Gosched() // others come meanwhile
		return nil
	}
	select {
	case err := <-hold:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin runs the workers until the end of the test, which is that of its bubble.
func (l *ledger) begin(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.run(ctx) }()
	synctest.Wait()
	return func() { cancel(); <-ended }
}

// asked is how many ids each statement so far asked for.
func (l *ledger) asked() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sizes []int
	for _, ids := range l.statements {
		sizes = append(sizes, len(ids))
	}
	return sizes
}

type outcome struct {
	account Account
	fresh   Freshness
	err     error
}

// reading reads in the background.
func (l *ledger) reading(ctx context.Context, id uuid.UUID) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		a, fresh, err := l.read(ctx, id)
		done <- outcome{a, fresh, err}
	}()
	synctest.Wait()
	return done
}

func (l *ledger) release(n int, err error) {
	for range n {
		l.hold <- err
		synctest.Wait()
	}
}

func TestReadsThatWaitShareAStatement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		defer l.begin(t)()
		ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.Nil}
		var waiting []<-chan outcome
		for i := range 30 { // one goes by itself, each worker finds one that waits, the others wait for them
			waiting = append(waiting, l.reading(t.Context(), ids[i%3]))
		}
		l.truth.Store(2)
		l.release(4, nil)
		if sizes := l.asked(); !slices.Equal(sizes, []int{1, 1, 1, 3}) {
			t.Fatalf("statements for %v ids", sizes)
		}
		for i, done := range waiting {
			got, want := <-done, int64(1)
			if i > lookupWorkers {
				want = 2
			}
			switch {
			case got.fresh.Position != want:
				t.Errorf("read %d saw %+v, want position %d", i, got, want)
			case ids[i%3] == uuid.Nil:
				if !errors.Is(got.err, ErrNotFound) {
					t.Errorf("an unknown account: %+v", got)
				}
			case got.err != nil || got.account.Version != want || got.account.ID == uuid.Nil:
				t.Errorf("read %d got %+v", i, got)
			}
		}
		// Nothing is under way any more: the shortest way again.
		again := l.reading(t.Context(), ids[1])
		l.release(1, nil)
		if got := <-again; got.err != nil || l.alone+l.busy != 0 {
			t.Errorf("%+v with %d alone and %d busy", got, l.alone, l.busy)
		}
	})
}

func TestWhoGivesUpIsNotWaitedForNorAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		defer l.begin(t)()
		ctx, cancel := context.WithCancelCause(t.Context())
		first, second, third := l.reading(ctx, uuid.New()), l.reading(ctx, uuid.New()), l.reading(ctx, uuid.New())
		impatient, patient := l.reading(ctx, uuid.New()), l.reading(t.Context(), uuid.New())
		cancel(errors.New("hung up"))
		synctest.Wait()
		for name, done := range map[string]<-chan outcome{"alone": first, "asked for": second, "too": third, "waiting": impatient} {
			if got := <-done; !errors.Is(got.err, context.Canceled) {
				t.Errorf("%s: %+v", name, got)
			}
		}
		l.release(3, nil)
		if got := <-patient; got.err != nil {
			t.Error(got.err)
		}
		if sizes := l.asked(); !slices.Equal(sizes, []int{1, 1, 1, 1}) {
			t.Errorf("statements for %v ids", sizes)
		}
		// A batch whose readers have all gone asks nothing.
		ctx, cancel = context.WithCancelCause(t.Context())
		for range 1 + lookupWorkers {
			l.reading(t.Context(), uuid.New())
		}
		l.reading(ctx, uuid.New())
		cancel(nil)
		l.release(1+lookupWorkers, nil)
		if sizes := l.asked(); len(sizes) != 7 || l.busy != 0 {
			t.Errorf("statements for %v ids, %d busy", sizes, l.busy)
		}
	})
}

func TestReadsBeyondTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		defer l.begin(t)()
		for range 1 + lookupWorkers { // these are under way
			l.reading(t.Context(), uuid.New())
		}
		var done sync.WaitGroup
		for range lookupWaitingMax {
			done.Go(func() {
				if _, _, err := l.read(t.Context(), uuid.New()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if got := <-l.reading(t.Context(), uuid.New()); !errors.Is(got.err, ErrOverloaded) {
			t.Errorf("one too many: %+v", got)
		}
		l.release(1+lookupWorkers+lookupWaitingMax/lookupBatchMax, nil)
		done.Wait()
		if most := slices.Max(l.asked()); most != lookupBatchMax {
			t.Errorf("%d ids in one statement", most)
		}
	})
}

func TestAFailedStatementFailsItsReadsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		defer l.begin(t)()
		broken := errors.New("connection reset")
		var waiting []<-chan outcome
		for range 6 {
			waiting = append(waiting, l.reading(t.Context(), uuid.New()))
		}
		l.release(1+lookupWorkers, broken)
		later := l.reading(t.Context(), uuid.New())
		l.release(1, broken)
		l.release(1, nil)
		for i, done := range waiting {
			if got := <-done; !errors.Is(got.err, broken) || got.account.Version != 0 {
				t.Errorf("read %d: %+v", i, got)
			}
		}
		if got := <-later; got.err != nil {
			t.Errorf("the next: %+v", got)
		}
	})
}

func TestWhatWaitsAtTheEndIsServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		var waiting []<-chan outcome
		if l.reading(t.Context(), uuid.New()); l.alone != 1 {
			t.Error("before the beginning a read waits for workers")
		}
		end := l.begin(t)
		for range 10 {
			waiting = append(waiting, l.reading(t.Context(), uuid.New()))
		}
		ended := make(chan struct{})
		go func() { end(); close(ended) }()
		synctest.Wait()
		late := l.reading(t.Context(), uuid.New())
		select {
		case <-ended:
			t.Fatal("ended with reads that wait")
		default:
		}
		l.release(5, nil)
		<-ended
		for _, done := range append(waiting, late) {
			if got := <-done; got.err != nil {
				t.Error(got.err)
			}
		}
		if sizes := l.asked(); !slices.Equal(sizes, []int{1, 1, 1, 1, 8}) {
			t.Errorf("statements for %v ids", sizes)
		}
		end = l.begin(t) // and once more
		again := l.reading(t.Context(), uuid.New())
		l.release(1, nil)
		if got := <-again; got.err != nil {
			t.Error(got.err)
		}
		end()
	})
}

// Whoever asks after something was true is told so, however many ask and come and go meanwhile.
func TestReadsSeeWhatTheirCallersHaveSeen(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.hold = nil
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.run(ctx) }()
	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	var readers sync.WaitGroup
	for reader := range 50 {
		readers.Go(func() {
			for i := range 200 {
				ctx, giveUp := context.WithCancel(ctx)
				if i%20 == 0 {
					go giveUp()
				}
				known := l.truth.Add(1)
				a, fresh, err := l.read(ctx, ids[(reader+i)%len(ids)])
				if !errors.Is(err, context.Canceled) && (err != nil || a.Version < known || a.Version != fresh.Position || a.ID != ids[(reader+i)%len(ids)]) {
					t.Errorf("knew %d, got %+v, %+v, %v", known, a, fresh, err)
				}
				giveUp()
			}
		})
	}
	readers.Wait()
	cancel()
	<-ended
	if n := len(l.asked()); n >= 50*200 {
		t.Errorf("%d statements for %d reads", n, 50*200)
	}
}
