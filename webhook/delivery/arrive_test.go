package delivery_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"passbook/readmodel"
	"passbook/webhook"
)

// Each subscription gets the events that it is about, signed, once each while nothing fails, and the log of deliveries says so.
func TestEachGetsWhatItIsAbout(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	account, other := uuid.New(), uuid.New()
	w.exec(`INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata)
		VALUES (900, 1, now(), now(), gen_random_uuid(), $1, 1, 'account', 'account.opened', '{"owner_id":"ada"}', '{}')`, account)
	w.exec("UPDATE log_head SET position = 0")
	everything, deposits, ofAccount, ofAda, neither := newReceiver(t, nil), newReceiver(t, nil), newReceiver(t, nil), newReceiver(t, nil), newReceiver(t, nil)
	all := w.subscribe(everything, webhook.New{})
	some := w.subscribe(deposits, webhook.New{EventTypes: []string{readmodel.TypeDeposit}})
	one := w.subscribe(ofAccount, webhook.New{AccountID: &account})
	adas := w.subscribe(ofAda, webhook.New{}, w.by("issuer#ada", "ada"))
	graces := w.subscribe(neither, webhook.New{}, w.by("issuer#grace", "grace"))
	w.exec(`INSERT INTO readmodel.balances (account_id, owner_id, owner_name, currency, balance, held, overdraft_limit, status, freeze_scope, metadata, version, position, opened_at, updated_at)
		VALUES ($1, 'ada', 'Ada', 'EUR', 0, 0, 0, 'open', '', '{}', 1, 1, now(), now())`, account)
	w.add(account, "ada", readmodel.TypeDeposit, 3)    // 1-3
	w.add(other, "eve", readmodel.TypeDeposit, 2)      // 4, 5
	w.add(account, "ada", readmodel.TypeWithdrawal, 2) // 6, 7
	w.run(w.engine(hasty()))
	w.awaitIdle(all, some, one, adas, graces)
	everything.expect(1, 2, 3, 4, 5, 6, 7)
	deposits.expect(1, 2, 3, 4, 5)
	ofAccount.expect(1, 2, 3, 6, 7)
	ofAda.expect(1, 2, 3, 6, 7)
	neither.expect()
	if log := w.deliveries(graces, ""); len(log) != 0 {
		t.Errorf("on the list of one who owns nothing: %+v", log)
	}
	if n := len(everything.all()); n != 7 {
		t.Errorf("%d requests for 7 events", n)
	}
	log := w.deliveries(all, "")
	for i, d := range log {
		attempts := w.attempts(all, d.ID)
		if d.State != webhook.Delivered || d.Position != int64(i+1) || d.EndedAt == nil || len(attempts) != 1 || attempts[0].Status != 200 || attempts[0].Result != webhook.Arrived ||
			d.ID.String() != everything.ids()[d.Position] || d.Last.Status != 200 {
			t.Errorf("%+v %+v", d, attempts)
		}
	}
	if s := w.webhook(all); len(log) != 7 || s.DeliveredAt == nil || s.Failures != 0 || s.Position != 7 {
		t.Errorf("%d deliveries, %+v", len(log), s)
	}
	want := `{"type":"deposit","timestamp":"2023-11-14T22:13:21Z","data":{"account_id":"` + account.String() + `","position":1}}`
	if !slices.ContainsFunc(everything.all(), func(r received) bool { return r.body == want }) {
		t.Errorf("nobody got %s", want)
	}
}

// Of what the read models withhold, everybody whose accounts it may concern is told.
func TestWithheldEventsAreOfAnyType(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	r := newReceiver(t, nil)
	id := w.subscribe(r, webhook.New{EventTypes: []string{readmodel.TypeFee}})
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 3)
	w.news[1].Withheld = true
	w.run(w.engine(hasty()))
	w.awaitIdle(id)
	r.expect(2)
}

// A receiver that fails is tried again, and gets each event in the end, under the same id.
func TestWhatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n%3 != 0 {
			w.WriteHeader(500 + n%5)
			_, _ = w.Write([]byte("not \xff\x00 now"))
		}
	})
	id := w.subscribe(r, webhook.New{})
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 40)
	w.run(w.engine(hasty()))
	w.awaitIdle(id)
	r.expect(upTo(40)...)
	vain := 0
	for _, d := range w.deliveries(id, "") {
		attempts := w.attempts(id, d.ID)
		if d.State != webhook.Delivered || len(attempts) != d.Attempts {
			t.Errorf("%+v", d)
		}
		for _, a := range attempts[1:] {
			vain++
			if a.Result != webhook.Refused || a.Status < 500 || a.Answer != "not � now" && a.Answer != "not �� now" {
				t.Errorf("%+v", a)
			}
		}
	}
	if vain != len(r.all())-40 || vain == 0 {
		t.Errorf("%d requests, %d attempts in vain on record", len(r.all()), vain)
	}
}

// One dead receiver takes a few hands, and costs the others nothing; an order of their own, they have not.
func TestOneThatHangsDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	hang := make(chan struct{})
	dead := newReceiver(t, func(http.ResponseWriter, *http.Request, int) { <-hang })
	defer close(hang)
	alive := newReceiver(t, nil)
	w.subscribe(dead, webhook.New{})
	id := w.subscribe(alive, webhook.New{})
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 300)
	config := hasty()
	config.Concurrency, config.PerWebhook = 8, 3
	kill := w.runToKill(w.engine(config))
	w.awaitIdle(id)
	alive.expect(upTo(300)...)
	for n := range int64(12) { // one comes back to life for a moment, again and again
		w.await("the dead one to be tried", func() bool { return dead.current.Load() == 3 && int64(len(dead.all())) == 3+n })
		hang <- struct{}{}
	}
	w.await("the dead one to be tried", func() bool { return dead.current.Load() == 3 })
	if dead.most.Load() > 3 || alive.most.Load() > 3 {
		t.Errorf("%d and %d requests at once", dead.most.Load(), alive.most.Load())
	}
	kill()
}

// However many receivers fail, they have half of the hands together.
func TestThoseThatFailLeaveHandsToTheOthers(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	hang := make(chan struct{})
	defer close(hang)
	var hanging atomic.Int64
	alive := newReceiver(t, nil)
	id := w.subscribe(alive, webhook.New{})
	var dead []*receiver
	for range 10 {
		r := newReceiver(t, func(http.ResponseWriter, *http.Request, int) {
			hanging.Add(1)
			<-hang
		})
		w.subscribe(r, webhook.New{})
		dead = append(dead, r)
	}
	w.exec("UPDATE webhook.subscriptions SET failures = 3 WHERE webhook_id <> $1", id)
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 50)
	config := hasty()
	config.Concurrency = 8
	kill := w.runToKill(w.engine(config))
	w.awaitIdle(id)
	alive.expect(upTo(50)...)
	w.await("half of the hands to be taken", func() bool { return hanging.Load() == 4 })
	for _, r := range dead {
		if r.most.Load() > 1 {
			t.Errorf("%d requests at once to one that fails", r.most.Load())
		}
	}
	kill()
}

// A subscription that fails is tried with one delivery at a time.
func TestOneThatFailsIsTriedWithOneDelivery(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	hang := make(chan struct{})
	defer close(hang)
	dead := newReceiver(t, func(http.ResponseWriter, *http.Request, int) { <-hang })
	alive := newReceiver(t, nil)
	id := w.subscribe(dead, webhook.New{})
	w.exec("UPDATE webhook.subscriptions SET failures = 3")
	other := w.subscribe(alive, webhook.New{})
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 20)
	kill := w.runToKill(w.engine(hasty()))
	w.awaitIdle(other)
	w.await("an attempt", func() bool { return dead.current.Load() > 0 })
	if n := dead.most.Load(); n != 1 || w.webhook(id).Failures != 3 {
		t.Errorf("%d requests at once", n)
	}
	kill()
}
