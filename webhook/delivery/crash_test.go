package delivery_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"passbook/readmodel"
	"passbook/webhook"
	"passbook/webhook/delivery"
)

// A process that is killed before or after any use of what it keeps loses nothing: each event arrives, under one id.
func TestKilledInEachPhase(t *testing.T) {
	t.Parallel()
	errKilled := errors.New("killed")
	for _, phase := range delivery.Phases {
		for _, when := range []string{"before", "after"} {
			t.Run(when+" "+phase, func(t *testing.T) {
				t.Parallel()
				w := newTown(t, webhook.Limits{})
				r := newReceiver(t, nil)
				id := w.subscribe(r, webhook.New{})
				e := w.engine(hasty())
				var uses, killed atomic.Int64
				e.Intercept(func(what string, do func() error) error {
					if what != phase || uses.Add(1) > 4 || uses.Load()%2 == 0 {
						return do()
					}
					killed.Add(1)
					if when == "before" {
						return errKilled
					}
					if err := do(); err != nil {
						return err
					}
					return errKilled // what was done, nobody knows
				})
				w.run(e)
				for range 4 {
					w.add(uuid.New(), "ada", readmodel.TypeDeposit, 25)
					w.awaitIdle(id)
				}
				r.expect(upTo(100)...)
				if killed.Load() == 0 {
					t.Error("nothing was killed")
				}
				if n := len(w.deliveries(id, webhook.Delivered)); n != 100 {
					t.Errorf("%d deliveries on record", n)
				}
			})
		}
	}
}

// A process that is killed while receivers have requests in hand sends them again, under their ids.
func TestKilledWhileSending(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	var killed atomic.Bool
	hang := make(chan struct{})
	r := newReceiver(t, func(http.ResponseWriter, *http.Request, int) {
		if !killed.Load() {
			<-hang
		}
	})
	id := w.subscribe(r, webhook.New{})
	kill := w.runToKill(w.engine(hasty()))
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 10)
	w.await("requests", func() bool { return r.current.Load() == 4 })
	kill()
	killed.Store(true)
	close(hang)
	for _, d := range w.deliveries(id, "") {
		if d.State != webhook.Pending || d.Attempts != 0 {
			t.Errorf("noted although it was killed: %+v", d)
		}
	}
	w.run(w.engine(hasty()))
	w.awaitIdle(id)
	r.expect(upTo(10)...)
	if n := len(r.all()); n != 14 {
		t.Errorf("%d requests, want 10 and 4 again", n)
	}
}

// One that is told to stop waits for what is under way, and notes it.
func TestAStopWaitsForAnswers(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	answer := make(chan struct{})
	r := newReceiver(t, func(http.ResponseWriter, *http.Request, int) { <-answer })
	id := w.subscribe(r, webhook.New{})
	stop := w.run(w.engine(hasty()))
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 3)
	w.await("requests", func() bool { return r.current.Load() == 3 })
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(answer)
	<-stopped
	if n := len(w.deliveries(id, webhook.Delivered)); n != 3 {
		t.Errorf("%d are noted", n)
	}
}

// Several that all believe that they lead make each delivery once, and each event arrives under one id.
func TestTwoLead(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n%4 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	id, late := w.subscribe(r, webhook.New{}), newReceiver(t, nil)
	for range 3 {
		w.run(w.engine(hasty()))
	}
	var second uuid.UUID
	for n := range 20 {
		w.add(uuid.New(), "ada", readmodel.TypeDeposit, 25)
		if n == 10 {
			second = w.subscribe(late, webhook.New{})
		}
	}
	w.awaitIdle(id, second)
	r.expect(upTo(500)...)
	late.expect(upTo(500)...) // its position is the log's, which is empty
	for _, d := range w.deliveries(id, "") {
		if d.State != webhook.Delivered || d.ID.String() != r.ids()[d.Position] {
			t.Errorf("%+v", d)
		}
	}
	if n := len(w.deliveries(id, "")); n != 500 {
		t.Errorf("%d deliveries", n)
	}
}

// Who comes second with the same page finds the position moved: it makes nothing, and moves nothing back.
func TestAPageIsPutOnTheListOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	id := w.subscribe(newReceiver(t, nil), webhook.New{})
	event := uuid.New()
	for n, want := range []int64{1, 0, 0} {
		made, err := delivery.Advance(t.Context(), w.pool, id, 0, 7, event)
		if err != nil || made != want {
			t.Errorf("time %d: %d made, %v", n, made, err)
		}
		w.exec("UPDATE webhook.deliveries SET state = 'delivered'")
	}
	if made, err := delivery.Advance(t.Context(), w.pool, id, 7, 9, uuid.New()); err != nil || made != 1 {
		t.Errorf("from where it is: %d made, %v", made, err)
	}
	if s := w.webhook(id); s.Position != 9 || s.Pending != 1 {
		t.Errorf("%+v", s)
	}
}

// What is on the list is bounded: the rest stays in the log, and comes when there is room.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	var open atomic.Bool
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		if !open.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	alive := newReceiver(t, nil)
	id, other := w.subscribe(r, webhook.New{}), w.subscribe(alive, webhook.New{})
	config := hasty()
	config.PendingMax, config.AttemptsMax = 600, 1_000_000
	w.run(w.engine(config))
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 3_000)
	w.awaitIdle(other)
	alive.expect(upTo(3_000)...)
	if s := w.webhook(id); s.Position >= 3_000 || s.Pending > 600+readmodel.NewsPageMax {
		t.Errorf("at %d, %d pending", s.Position, s.Pending)
	}
	open.Store(true)
	w.awaitIdle(id)
	r.expect(upTo(3_000)...)
}
