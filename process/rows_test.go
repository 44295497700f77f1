package process_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/domain/payment"
	"passbook/eventstore"
	"passbook/internal/clearing"
	"passbook/internal/lease"
	"passbook/internal/pgkit"
	"passbook/process"
)

// A process that does not know yet that another one leads moves nothing, and ends.
func TestAFormerLeaderIsFenced(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{Delay: clearing.Forever}))
	ended := make(chan error, 1)
	old := process.New(h.pool, leading(func(ctx context.Context, lead lease.Lead) error {
		err := lead(ctx, 1)
		ended <- err
		return nil
	}), h.processor, h.clearing, h.codec.Payload, process.Config{Policy: hasty, Poll: 10 * time.Millisecond}, quiet, prometheus.NewRegistry())
	h.current.Store(old)
	h.run(old.Run)
	one := h.pay("one", time.Minute)
	h.await("the old one to work", func() bool { return h.state(one).Status == payment.StatusSubmitted })
	h.epoch.Store(1)
	stop := h.start(parts{})
	h.await("the new one to claim", func() bool { return h.count("SELECT count(*) FROM process.checkpoint WHERE epoch = 2") == 1 })
	h.current.Store(old)
	two := h.pay("two", time.Minute)
	h.await("the payment to be taken up", func() bool { return h.state(two).Status == payment.StatusSubmitted })
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the old one ended without a reason")
		}
	case <-time.After(patience):
		t.Fatal("the old one goes on")
	}
	stop()
}

type leading func(ctx context.Context, lead lease.Lead) error

func (l leading) Run(ctx context.Context, lead lease.Lead) error { return l(ctx, lead) }

// Rows that another program's fold has made are folded anew from the log; emptied tables are filled again.
func TestRowsAreMadeFromTheLog(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"another fold":   "UPDATE process.payments SET fold = 'another', state = '[]'",
		"all is gone":    "WITH gone AS (DELETE FROM process.payments) UPDATE process.checkpoint SET position = 0",
		"from the start": "UPDATE process.checkpoint SET position = 0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, behave(clearing.Behaviour{Delay: 300 * time.Millisecond}))
			h.mute = true
			stop := h.start(parts{})
			settled := h.pay("before", time.Minute)
			h.awaitFinal(settled)
			h.awaitIdle()
			open := h.pay("open", time.Minute)
			h.await("submission", func() bool { return h.state(open).Status == payment.StatusSubmitted })
			stop()
			if _, err := h.pool.Exec(t.Context(), damage); err != nil {
				t.Fatal(err)
			}
			stop = h.start(parts{})
			if s := h.awaitFinal(open); s.Status != payment.StatusSettled {
				t.Errorf("it is %s", s.Status)
			}
			h.awaitIdle()
			stop()
			h.checkAccount()
		})
	}
}

// An answer about a payment that was never made is not confirmed; one that says nothing is.
func TestAnswersAboutNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{}))
	h.start(parts{})
	p := h.current.Load()
	for _, id := range []uuid.UUID{uuid.New(), h.account} {
		if err := p.Answer(t.Context(), payment.Answer{PaymentID: id, Kind: payment.AnswerSettled}); !errors.Is(err, process.ErrUnknownPayment) {
			t.Errorf("payment %s: %v", id, err)
		}
	}
	if err := p.Answer(t.Context(), payment.Answer{PaymentID: uuid.New(), Kind: payment.AnswerUnknown}); err != nil {
		t.Errorf("an answer that says nothing: %v", err)
	}
}

// At an event that it cannot read a process stops and lets others lead; one that can goes on from there.
func TestAnEventOfNewerCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{}))
	ended := make(chan error, 1)
	old := process.New(h.pool, leading(func(ctx context.Context, lead lease.Lead) error {
		ended <- lead(ctx, 1)
		return nil
	}), h.processor, h.clearing, func(e eventstore.Event) (any, error) {
		if e.Type == payment.TypeSettled {
			return nil, errors.New("never heard of it")
		}
		return h.codec.Payload(e)
	}, process.Config{Policy: hasty}, quiet, prometheus.NewRegistry())
	h.current.Store(old)
	h.run(old.Run)
	id := h.pay("one", time.Minute)
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "never heard of it") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	h.epoch.Store(1)
	stop := h.start(parts{})
	h.awaitFinal(id)
	h.awaitIdle()
	stop()
	h.checkAccount()
}

// Nobody but the command side's role works with the tables.
func TestTheTablesAreForTheOneRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{}))
	for _, role := range []string{"passbook_query", "passbook_projector"} {
		for _, table := range []string{"checkpoint", "payments", "holds"} {
			if _, err := h.db.Pool(t, role).Exec(t.Context(), "SELECT FROM process."+table); !pgkit.InsufficientPrivilege(err) {
				t.Errorf("%s reads %s: %v", role, table, err)
			}
		}
	}
}

// The log is followed by the index that is made for it: whatever else is in the log is not looked at.
func TestTheLogIsFollowedByItsIndex(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behave(clearing.Behaviour{}))
	pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: h.db.URL, Role: "passbook_command", GenericPlans: true}) // as the command API does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	rows, err := pool.Query(t.Context(), "EXPLAIN "+process.ReadSQL, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if !strings.Contains(plan.String(), "Index Scan using events_process") || !strings.Contains(plan.String(), "Index Scan using events_approvals") {
		t.Errorf("the plan is\n%s%v", plan.String(), rows.Err())
	}
}
