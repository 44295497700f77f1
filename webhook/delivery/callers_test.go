package delivery_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel"
	"passbook/webhook"
)

// While one secret gives way to another, both sign; then one does. The receiver checks each signature.
func TestRotation(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	r := newReceiver(t, nil)
	id := w.subscribe(r, webhook.New{})
	w.run(w.engine(hasty()))
	send := func() (signatures int) {
		w.add(uuid.New(), "ada", readmodel.TypeDeposit, 1)
		w.awaitIdle(id)
		got := r.all()
		return len(strings.Fields(got[len(got)-1].signature))
	}
	rotate := func(keep time.Duration) {
		out, err := w.store.Rotate(t.Context(), w.staff(), id, keep)
		if err != nil || len(out.Secret) != 32 || out.OldUntil == nil {
			t.Fatalf("%+v, %v", out, err)
		}
		r.mu.Lock()
		if keep == 0 {
			r.secrets = nil // the others must not be needed any more
		}
		r.secrets = append(r.secrets, out.Secret.Reveal())
		r.mu.Unlock()
	}
	if n := send(); n != 1 {
		t.Errorf("%d signatures", n)
	}
	rotate(time.Hour)
	if n := send(); n != 2 {
		t.Errorf("%d signatures while the old one holds", n)
	}
	r.mu.Lock()
	r.secrets = r.secrets[:1]
	r.mu.Unlock()
	send() // who has the old one only can check it, too
	rotate(time.Hour)
	if n := send(); n != 2 {
		t.Errorf("%d signatures: the one before the last is over", n)
	}
	rotate(0)
	if n := send(); n != 1 {
		t.Errorf("%d signatures after the last was taken out of use at once", n)
	}
}

// One delivery, all that failed, or everything from a position on is sent again, under the same ids.
func TestReplay(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{ReplayMax: 2_000})
	var open atomic.Bool
	r := newReceiver(t, func(w http.ResponseWriter, q *http.Request, _ int) {
		if !open.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	id := w.subscribe(r, webhook.New{})
	config := hasty()
	config.AttemptsMax = 1
	w.run(w.engine(config))
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 50)
	w.await("all to be given up", func() bool { return w.webhook(id).Failed == 50 })
	open.Store(true)
	ids := r.ids()

	one := w.deliveries(id, "")[6]
	if out, err := w.store.ReplayDelivery(t.Context(), w.staff(), id, one.ID); err != nil || out.Deliveries != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	w.awaitIdle(id)
	if got := w.deliveries(id, webhook.Delivered); len(got) != 1 || got[0].ID != one.ID || resultsOf(w.attempts(id, one.ID)) != "refused delivered" {
		t.Errorf("%+v", got)
	}
	if _, err := w.store.ReplayDelivery(t.Context(), w.staff(), id, uuid.New()); !errors.Is(err, webhook.ErrNoDelivery) {
		t.Errorf("a delivery that there is not: %v", err)
	}

	for _, want := range []struct {
		n    int
		more bool
	}{{20, true}, {20, true}, {9, false}} {
		if out, err := w.store.ReplayFailed(t.Context(), w.staff(), id); err != nil || out.Deliveries != want.n || out.More != want.more {
			t.Fatalf("%+v, %v, want %+v", out, err, want)
		}
		w.awaitIdle(id)
	}
	if n := len(w.deliveries(id, webhook.Delivered)); n != 50 {
		t.Errorf("%d have arrived", n)
	}

	before := len(r.all())
	if _, err := w.store.ReplayFrom(t.Context(), w.staff(), id, 31); err == nil {
		t.Error("position 31 is not in the log, which is empty")
	}
	w.exec("UPDATE log_head SET position = 50")
	if _, err := w.store.ReplayFrom(t.Context(), w.staff(), id, 31); err != nil {
		t.Fatal(err)
	}
	w.awaitIdle(id)
	w.await("20 again", func() bool { return len(r.all()) == before+20 })
	for position, now := range r.ids() {
		if ids[position] != now {
			t.Errorf("event %d came as %s and comes as %s", position, ids[position], now)
		}
	}
	if n := len(w.deliveries(id, "")); n != 50 {
		t.Errorf("%d deliveries", n)
	}
	w.exec("UPDATE log_head SET position = 5000")
	var limit *webhook.ErrLimit
	if _, err := w.store.ReplayFrom(t.Context(), w.staff(), id, 1); !errors.As(err, &limit) || limit.Limit != webhook.LimitReplay {
		t.Errorf("too far back: %v", err)
	}
	if _, err := w.store.ReplayFrom(t.Context(), w.staff(), id, 5002); !errors.Is(err, webhook.ErrAhead) {
		t.Errorf("ahead: %v", err)
	}
}

// A test is sent whatever the status, once, and decides nothing about the subscription.
func TestTests(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	r := newReceiver(t, status(500))
	id := w.subscribe(r, webhook.New{})
	paused := true
	if _, err := w.store.Update(t.Context(), w.staff(), id, webhook.Change{Paused: &paused}); err != nil {
		t.Fatal(err)
	}
	w.run(w.engine(hasty()))
	out, err := w.store.Test(t.Context(), w.staff(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.await("it to fail", func() bool { return len(w.deliveries(id, webhook.Failed)) == 1 })
	if got := r.all(); len(got) != 1 || got[0].kind != "test" || got[0].id != out.DeliveryID.String() || w.webhook(id).Failures != 0 {
		t.Errorf("%+v", got)
	}
}

// Nothing is sent to who does not want it now; who goes on misses nothing. A change concerns what was not put on the list yet.
func TestPause(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	r, alive := newReceiver(t, nil), newReceiver(t, nil)
	id, other := w.subscribe(r, webhook.New{}), w.subscribe(alive, webhook.New{})
	w.run(w.engine(hasty()))
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 5)
	w.awaitIdle(id, other)
	update := func(c webhook.Change) {
		if _, err := w.store.Update(t.Context(), w.staff(), id, c); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := true, false
	update(webhook.Change{Paused: &yes})
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 5)
	w.add(uuid.New(), "ada", readmodel.TypeFee, 5)
	w.awaitIdle(other)
	r.expect(upTo(5)...)
	update(webhook.Change{EventTypes: &[]string{readmodel.TypeFee}})
	update(webhook.Change{Paused: &no})
	w.awaitIdle(id, other)
	r.expect(1, 2, 3, 4, 5, 11, 12, 13, 14, 15)
	elsewhere := newReceiver(t, nil)
	elsewhere.secrets = r.secrets
	update(webhook.Change{URL: &elsewhere.server.URL, EventTypes: &[]string{}})
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 2)
	w.awaitIdle(id, other)
	elsewhere.expect(16, 17)
	alive.expect(upTo(17)...)
}

// A customer is told of accounts that are the customer's when the event is put on the list, and are when it is sent.
func TestPermissionIsLookedAtWithEachAttempt(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	account := uuid.New()
	balance := func(owner string) {
		w.exec(`INSERT INTO readmodel.balances (account_id, owner_id, owner_name, currency, balance, held, overdraft_limit, status, freeze_scope, metadata, version, position, opened_at, updated_at)
			VALUES ($1, $2, 'Ada', 'EUR', 0, 0, 0, 'open', '', '{}', 1, 1, now(), now()) ON CONFLICT (account_id) DO UPDATE SET owner_id = excluded.owner_id`, account, owner)
	}
	balance("ada")
	r := newReceiver(t, status(500))
	id := w.subscribe(r, webhook.New{}, w.by("issuer#ada", "ada"))
	stop := w.run(w.engine(hasty()))
	w.add(account, "ada", readmodel.TypeDeposit, 1)
	w.add(uuid.New(), "grace", readmodel.TypeDeposit, 1)
	w.await("an attempt", func() bool { return len(r.all()) > 0 })
	stop()
	balance("grace")
	seen := len(r.all())
	w.run(w.engine(hasty()))
	w.await("it to be given up", func() bool { return len(w.deliveries(id, webhook.Failed)) == 1 })
	d := w.deliveries(id, "")
	if d[0].Last.Result != webhook.NotPermitted || len(r.all()) != seen || len(d) != 1 {
		t.Errorf("%+v after %d requests, of %d", d, len(r.all()), seen)
	}
}

// What is old goes: deliveries that have ended, their attempts, secrets.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	r := newReceiver(t, nil)
	id := w.subscribe(r, webhook.New{})
	stop := w.run(w.engine(hasty()))
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 10)
	w.awaitIdle(id)
	stop()
	out, err := w.store.Rotate(t.Context(), w.staff(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.trust(out.Secret)
	w.exec("UPDATE webhook.deliveries SET ended_at = ended_at - interval '15 days' WHERE position <= 6")
	w.exec("UPDATE webhook.deliveries SET state = 'pending', ended_at = NULL, due_at = now() + interval '1 day' WHERE position = 6")
	w.exec("UPDATE webhook.attempts SET at = at - interval '15 days'")
	w.run(w.engine(hasty()))
	w.await("what is old to go", func() bool { return len(w.deliveries(id, "")) == 5 })
	var attempts, secrets int
	w.await("attempts and secrets to go", func() bool {
		err := w.admin.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM webhook.attempts), (SELECT count(*) FROM webhook.secrets)").Scan(&attempts, &secrets)
		return err == nil && attempts == 0 && secrets == 1
	})
	if d := w.deliveries(id, webhook.Pending); len(d) != 1 || d[0].Position != 6 {
		t.Errorf("%+v", d)
	}
	before := r.ids()
	w.exec("UPDATE log_head SET position = 10")
	if _, err := w.store.ReplayFrom(t.Context(), w.staff(), id, 1); err != nil {
		t.Fatal(err)
	}
	w.await("all again", func() bool { return len(w.deliveries(id, webhook.Delivered)) >= 9 })
	for position, now := range r.ids() {
		if now != before[position] {
			t.Errorf("event %d came as %s, and comes as %s after its delivery was forgotten", position, before[position], now)
		}
	}
}
