package clearing_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/domain/payment"
	"passbook/internal/clearing"
)

func instruction(reference string) payment.Instruction {
	return payment.Instruction{PaymentID: uuid.UUID{1}, Money: money.Money{Amount: 5, Currency: money.MustCurrency("EUR")},
		Creditor: payment.Creditor{Name: "x", Account: "y"}, Reference: reference, SettleBefore: time.Now().Add(time.Minute)}
}

// bank takes what is delivered, from the nth try on.
type bank struct {
	mu    sync.Mutex
	deaf  int
	heard []heard
	began time.Time
}

type heard struct {
	after time.Duration
	kind  payment.AnswerKind
}

func (b *bank) take(_ context.Context, a payment.Answer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deaf > 0 {
		b.deaf--
		return errors.New("nobody listens")
	}
	b.heard = append(b.heard, heard{time.Since(b.began), a.Kind})
	return nil
}

// What the house says to a submission, to a question a second later, and by itself, for each behaviour.
func TestBehaviours(t *testing.T) {
	t.Parallel()
	const s = time.Second
	type answers []payment.AnswerKind
	for name, tt := range map[string]struct {
		behaviour clearing.Behaviour
		deaf      int
		answers   answers // at once, after 1 s, after 5 min; "" is silence
		heard     []heard
	}{
		"settles at once":                    {clearing.Behaviour{}, 0, answers{"settled", "settled", "settled"}, nil},
		"rejects at once":                    {clearing.Behaviour{Reject: "X"}, 0, answers{"rejected", "rejected", "rejected"}, nil},
		"settles later":                      {clearing.Behaviour{Delay: 5 * s}, 0, answers{"accepted", "accepted", "settled"}, []heard{{5 * s, "settled"}}},
		"rejects later":                      {clearing.Behaviour{Delay: 5 * s, Reject: "X"}, 0, answers{"accepted", "accepted", "rejected"}, []heard{{5 * s, "rejected"}}},
		"does not settle after the deadline": {clearing.Behaviour{Delay: 60 * s}, 0, answers{"accepted", "accepted", "rejected"}, []heard{{60 * s, "rejected"}}},
		"unless it ignores it":               {clearing.Behaviour{Delay: 60 * s, IgnoresDeadline: true}, 0, answers{"accepted", "accepted", "settled"}, []heard{{60 * s, "settled"}}},
		"delivers until it is taken":         {clearing.Behaviour{Delay: 5 * s}, 3, answers{"accepted", "accepted", "settled"}, []heard{{8 * s, "settled"}}},
		"or gives up and waits to be asked":  {clearing.Behaviour{Delay: 5 * s}, 9, answers{"accepted", "accepted", "settled"}, nil},
		"is silent for a while":              {clearing.Behaviour{Silence: 90 * s}, 0, answers{"", "", "settled"}, []heard{{90 * s, "settled"}}},
		"is silent for ever":                 {clearing.Behaviour{Silence: clearing.Forever, Delay: s}, 0, answers{"", "", ""}, nil},
		"says it three times":                {clearing.Behaviour{Delay: 2 * s, Copies: 2}, 0, answers{"accepted", "accepted", "settled"}, []heard{{2 * s, "settled"}, {2 * s, "settled"}, {2 * s, "settled"}}},
		"contradicts itself":                 {clearing.Behaviour{Delay: 2 * s, Contradicts: true}, 0, answers{"accepted", "accepted", "settled"}, []heard{{2 * s, "settled"}, {4 * s, "rejected"}}},
		"contradicts a rejection":            {clearing.Behaviour{Reject: "X", Contradicts: true}, 0, answers{"rejected", "rejected", "rejected"}, []heard{{0, "settled"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := clearing.New(func(payment.Instruction) clearing.Behaviour { return tt.behaviour }, slog.New(slog.DiscardHandler))
				b := &bank{deaf: tt.deaf, began: time.Now()}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- h.Run(ctx, b.take) }()
				in := instruction("")
				var got answers
				for _, wait := range []time.Duration{0, s, 5 * time.Minute} {
					<-time.After(wait)
					synctest.Wait()
					a, err := h.Submit(ctx, in)
					if err != nil && !errors.Is(err, clearing.ErrSilent) {
						t.Error(err)
					}
					got = append(got, a.Kind)
					if status, err2 := h.Status(ctx, in.PaymentID); status != a || !errors.Is(err2, err) {
						t.Errorf("submitted: %+v, %v; asked: %+v, %v", a, err, status, err2)
					}
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if !slices.Equal(got, tt.answers) {
					t.Errorf("answers %q, want %q", got, tt.answers)
				}
				slices.SortStableFunc(b.heard, func(x, y heard) int { return int(x.after - y.after) })
				slices.SortStableFunc(tt.heard, func(x, y heard) int { return int(x.after - y.after) })
				if !sameHeard(b.heard, tt.heard) {
					t.Errorf("delivered %v, want %v", b.heard, tt.heard)
				}
			})
		})
	}
}

// sameHeard: deliveries at one moment come in any order.
func sameHeard(a, b []heard) bool {
	if len(a) != len(b) {
		return false
	}
	left := slices.Clone(b)
	for _, x := range a {
		i := slices.Index(left, x)
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

func TestWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	h := clearing.New(clearing.Rates{Delay: time.Hour}.Plan(), slog.New(slog.DiscardHandler))
	ask := func(want payment.AnswerKind) {
		t.Helper()
		if a, err := h.Status(t.Context(), uuid.UUID{1}); err != nil || a.Kind != want || a.PaymentID != (uuid.UUID{1}) {
			t.Errorf("got %+v, %v, want %s", a, err, want)
		}
	}
	ask(payment.AnswerUnknown)
	if _, err := h.Submit(t.Context(), instruction("")); err != nil {
		t.Fatal(err)
	}
	ask(payment.AnswerAccepted)
	h = clearing.New(clearing.Rates{Delay: time.Hour}.Plan(), slog.New(slog.DiscardHandler))
	for _, then := range []payment.AnswerKind{payment.AnswerUnknown, payment.AnswerAccepted} {
		if a, err := h.Submit(t.Context(), instruction("please "+clearing.WordForget)); err != nil || a.Kind != payment.AnswerAccepted {
			t.Fatal(a, err)
		}
		ask(then)
	}
}

// The shares are kept, more or less, and words overrule them.
func TestRates(t *testing.T) {
	t.Parallel()
	const n = 20_000
	plan := clearing.Rates{Delay: time.Second, Reject: 0.1, Silent: 0.2, Late: 0.3, Duplicate: 0.4, Contradict: 0.5}.Plan()
	var reject, silent, late, duplicate, contradict int
	count := func(counter *int, yes bool) {
		if yes {
			*counter++
		}
	}
	for i := range n {
		in := instruction("")
		in.PaymentID = uuid.UUID{byte(i), byte(i >> 8), 7}
		b := plan(in)
		if b != plan(in) && b.Silence == 0 {
			t.Fatalf("%+v and then %+v", b, plan(in))
		}
		count(&reject, b.Reject != "")
		count(&silent, b.Silence == clearing.Forever)
		count(&late, b.IgnoresDeadline)
		count(&duplicate, b.Copies > 0)
		count(&contradict, b.Contradicts)
	}
	for want, got := range map[float64]int{0.1: reject, 0.2: silent, 0.3: late, 0.4: duplicate, 0.5: contradict} {
		if share := float64(got) / n; share < want-0.02 || share > want+0.02 {
			t.Errorf("%.3f of the payments, want %.1f", share, want)
		}
	}
	quiet := clearing.Rates{}.Plan()
	if b := quiet(instruction("")); b != (clearing.Behaviour{}) {
		t.Errorf("without rates and words: %+v", b)
	}
	for word, is := range map[string]func(clearing.Behaviour) bool{
		clearing.WordReject:     func(b clearing.Behaviour) bool { return b.Reject == clearing.RejectCode },
		clearing.WordSilent:     func(b clearing.Behaviour) bool { return b.Silence == clearing.Forever },
		clearing.WordLate:       func(b clearing.Behaviour) bool { return b.IgnoresDeadline && b.Silence > time.Minute },
		clearing.WordDuplicate:  func(b clearing.Behaviour) bool { return b.Copies == 2 },
		clearing.WordContradict: func(b clearing.Behaviour) bool { return b.Contradicts },
		clearing.WordForget:     func(b clearing.Behaviour) bool { return b.Forgets },
	} {
		if b := quiet(instruction("rent " + word)); !is(b) {
			t.Errorf("%s: %+v", word, b)
		}
	}
}
