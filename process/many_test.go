package process_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/payment"
	"passbook/internal/clearing"
	"passbook/process"
)

// seed is drawn, or taken from PASSBOOK_TEST_SEED to have a run again.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if given := os.Getenv("PASSBOOK_TEST_SEED"); given != "" {
		var err error
		if n, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("PASSBOOK_TEST_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// Many payments at once, a gateway with every fault, and processes that die at random, one after another.
func TestManyPaymentsThroughManyProcesses(t *testing.T) {
	t.Parallel()
	r := seed(t)
	rates := clearing.Rates{Delay: 10 * time.Millisecond, Reject: 0.2, Silent: 0.1, Duplicate: 0.2, Contradict: 0.1}
	h := newHouse(t, rates.Plan())
	var ids []uuid.UUID
	for range 12 {
		m := newMortal(cut{what: pick(r, "claim", "read", "advance", "duePayments", "payments", "progress", "submit", "ask for the status", "stream",
			"command payment.Submit", "command payment.Settle", "command payment.Reject", "command payment.TimeOut"), nth: 1 + r.IntN(8), after: r.IntN(2) == 0})
		with := m.parts(h)
		with.config.Concurrency = 1 + r.IntN(8)
		stop := h.start(with)
		for range 8 {
			ids = append(ids, h.pay(pick(r, "", "", clearing.WordForget, clearing.WordReject), pick(r, 100*time.Millisecond, time.Minute)))
		}
		enough := time.After(100 * time.Millisecond)
		h.await("death, or long enough", func() bool {
			select {
			case <-enough:
				return true
			default:
				return m.isDead()
			}
		})
		stop()
	}
	// What is silent for ever would be held for a minute: the last process serves a house that speaks again.
	stop := h.start(parts{gateway: speaking{h.clearing}})
	for _, id := range ids {
		h.awaitFinal(id)
	}
	h.awaitIdle()
	stop()
	h.checkAccount()
	for _, id := range ids {
		h.checkPayment(t, cut{what: "somewhere"}, id)
	}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// speaking is a gateway that rejects what the house does not say anything about.
type speaking struct{ *clearing.House }

var _ process.Gateway = speaking{}

// Submit answers also for a silent house.
func (s speaking) Submit(ctx context.Context, in payment.Instruction) (payment.Answer, error) {
	return s.or(in.PaymentID)(s.House.Submit(ctx, in))
}

// Status answers also for a silent house.
func (s speaking) Status(ctx context.Context, id uuid.UUID) (payment.Answer, error) {
	return s.or(id)(s.House.Status(ctx, id))
}

func (s speaking) or(id uuid.UUID) func(payment.Answer, error) (payment.Answer, error) {
	return func(a payment.Answer, err error) (payment.Answer, error) {
		if err != nil {
			return payment.Answer{PaymentID: id, Kind: payment.AnswerRejected, Code: "silent"}, nil
		}
		return a, nil
	}
}

// Nothing that a process does for one payment waits for another one, but for a free hand.
func BenchmarkPayments(b *testing.B) {
	h := newHouse(b, clearing.Rates{}.Plan())
	stop := h.start(parts{config: process.Config{Concurrency: 64}})
	b.ResetTimer()
	waiting := make([]uuid.UUID, 0, 100)
	for range b.N {
		waiting = append(waiting, h.pay("", time.Minute))
		if len(waiting) == cap(waiting) { // an account has no more than 200 open holds
			h.awaitIdle()
			waiting = waiting[:0]
		}
	}
	h.awaitIdle()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
	stop()
}
