package process

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"passbook/domain/payment"
)

// work is one session of the leader. All its fields are its own goroutine's, but for results and hands.
type work struct {
	*Process
	epoch    int64
	position int64 // looked at
	noted    int64 // the checkpoint

	atWork  map[uuid.UUID]bool // payments under way
	asked   map[uuid.UUID]bool // accounts whose holds are being expired
	results chan result        // room for all that are under way
	hands   sync.WaitGroup
	counted time.Time
}

// run goes round: look at the log, do what is due, wait. Results are noted before the next look, and nothing is taken up before
// the log was read to its end: so what a step led to is known before the payment is taken up again.
func (w *work) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due time.Time // when the next row is due, as far as is known
	for {
		changed, err := w.follow(ctx)
		if err != nil {
			return err
		}
		looked := time.Now()
		if changed || !due.After(looked) {
			if due, err = w.takeUp(ctx, looked); err != nil {
				return err
			}
		}
		if err := w.count(ctx, looked); err != nil {
			return err
		}
		timer.Reset(min(w.config.Poll, max(time.Until(due), w.config.LookMin)))
		noted, err := w.await(ctx, timer, looked)
		if err != nil {
			return err
		}
		if noted {
			due = time.Time{} // a hand is free, and a row has changed
		}
	}
}

// await returns when there is something to look at: noted tells whether results came.
func (w *work) await(ctx context.Context, timer *time.Timer, looked time.Time) (noted bool, err error) {
	wake := w.wake
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case r := <-w.results:
			return true, w.note(ctx, w.more(r))
		case <-wake:
			if rest := w.config.LookMin - time.Since(looked); rest > 0 {
				wake = nil // it is enough to be woken once
				timer.Reset(rest)
				continue
			}
			return false, nil
		case <-timer.C:
			return false, nil
		}
	}
}

// more returns the result with those that have come meanwhile: a look at the log for all of them is enough.
func (w *work) more(first result) []result {
	results := []result{first}
	for {
		select {
		case r := <-w.results:
			results = append(results, r)
		default:
			return results
		}
	}
}

// takeUp gives what is due to free hands, and returns when the next is due that is not under way.
func (w *work) takeUp(ctx context.Context, now time.Time) (next time.Time, err error) {
	if err := w.takeUpHolds(ctx, now); err != nil {
		return time.Time{}, err
	}
	if err := w.takeUpPayments(ctx, now); err != nil {
		return time.Time{}, err
	}
	if w.free() == 0 {
		return now.Add(w.config.Poll), nil // a result comes first
	}
	return w.rows.next(ctx, ids(w.atWork), ids(w.asked))
}

func (w *work) free() int { return w.config.Concurrency - len(w.atWork) - len(w.asked) }

func (w *work) takeUpPayments(ctx context.Context, now time.Time) error {
	if w.free() <= 0 {
		return nil
	}
	found, err := w.rows.duePayments(ctx, now, ids(w.atWork), w.free())
	if err != nil {
		return err
	}
	for _, r := range found {
		if err := w.refold(ctx, &r, w.noted); err != nil {
			return err
		}
		step := payment.Next(r.state, r.progress, w.config.Policy, now)
		if step.Do == payment.DoNothing {
			return fmt.Errorf("payment %s is %s, and still open", r.id, r.state.Status) // it would be due for ever
		}
		if step.At.After(now) { // its plan is another one than when the row was written: another policy, or another program
			r.plan(w.config.Policy, now)
			if err := w.rows.progress(ctx, []row{r}); err != nil {
				return err
			}
			continue
		}
		w.atWork[r.id] = true
		w.hands.Go(func() { w.results <- w.perform(ctx, r, step) })
	}
	return nil
}

// result is what became of a step.
type result struct {
	payment uuid.UUID   // or
	account uuid.UUID   // whose holds were asked after:
	holds   []uuid.UUID // these
	wait    time.Duration

	answer    *payment.Answer // heard
	vain      error           // or not
	commanded bool            // a command was given,
	baulked   error           // in vain
	at        time.Time
}

// perform does a step. It runs beside the others, and changes nothing here.
func (w *work) perform(ctx context.Context, r row, step payment.Step) result {
	done := result{payment: r.id}
	w.metrics.steps.WithLabelValues(string(step.Do)).Inc()
	var c payment.Command
	switch step.Do {
	case payment.DoSubmit, payment.DoAskStatus:
		answer, err := w.contact(ctx, r.state, step.Do)
		if done.at = time.Now(); err != nil {
			done.vain = err
			return done
		}
		done.answer = &answer
		if c = answer.Command(); c == nil || answer.Kind == payment.AnswerAccepted && r.state.Status == payment.StatusSubmitted {
			return done
		}
	case payment.DoMarkStuck:
		c = payment.MarkStuck{Reason: fmt.Sprintf("%d attempts in vain, the last: %s", r.progress.Attempts, r.lastError)}
	case payment.DoTimeOut:
		c = payment.TimeOut{}
	default:
		panic(fmt.Sprintf("process: no way to %q", step.Do))
	}
	done.commanded = true
	done.baulked = w.command(ctx, r.id, r.state.AccountID, r.state.Version, c, r.progress.Failures)
	done.at = time.Now()
	return done
}

// contact asks the gateway.
func (w *work) contact(ctx context.Context, s payment.State, do payment.Action) (answer payment.Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.config.GatewayTimeout)
	defer cancel()
	if do == payment.DoSubmit {
		answer, err = w.gateway.Submit(ctx, s.Instruction())
		if err == nil && answer.Kind == payment.AnswerUnknown {
			err = fmt.Errorf("the gateway answers a submission with %q", answer.Kind)
		}
	} else {
		answer, err = w.gateway.Status(ctx, s.PaymentID)
	}
	if err == nil && answer.PaymentID != s.PaymentID {
		err = fmt.Errorf("the gateway answers about payment %s", answer.PaymentID)
	}
	if err != nil {
		w.metrics.attempts.WithLabelValues("in_vain").Inc()
		return payment.Answer{}, err
	}
	w.metrics.attempts.WithLabelValues(string(answer.Kind)).Inc()
	return answer, nil
}

// note writes down what became of steps.
func (w *work) note(ctx context.Context, results []result) error {
	byPayment := make(map[uuid.UUID]result, len(results))
	for _, done := range results {
		if done.account != uuid.Nil {
			if err := w.noteHolds(ctx, done); err != nil {
				return err
			}
			continue
		}
		delete(w.atWork, done.payment)
		byPayment[done.payment] = done
	}
	if len(byPayment) == 0 {
		return nil
	}
	found, err := w.rows.payments(ctx, slices.Collect(maps.Keys(byPayment))) // what is gone has its outcome
	if err != nil || len(found) == 0 {
		return err
	}
	for i := range found {
		r := &found[i]
		if err := w.refold(ctx, r, w.noted); err != nil {
			return err
		}
		done := byPayment[r.id]
		w.progressed(r, done)
		r.plan(w.config.Policy, done.at)
	}
	return w.rows.progress(ctx, found)
}

// progressed takes what became of a step into account.
func (w *work) progressed(r *row, done result) {
	policy := w.config.Policy
	switch {
	case done.vain != nil:
		r.progress, r.lastError = r.progress.Failed(r.id, done.at, policy), done.vain.Error()
		w.log.Info("an attempt in vain", "payment_id", r.id, "attempts", r.progress.Attempts, slog.Any("error", done.vain))
	case done.answer != nil:
		r.progress, r.lastError = r.progress.Heard(*done.answer, done.at, policy), ""
	}
	switch {
	case done.baulked != nil:
		r.progress, r.lastError = r.progress.Baulked(r.id, done.at, policy), done.baulked.Error()
		w.log.Warn("a command for a payment was not carried out", "payment_id", r.id, slog.Any("error", done.baulked))
	case done.commanded:
		r.progress = r.progress.Commanded(done.at, policy)
	}
}

// countEvery is how often open and due payments are counted.
const countEvery = 5 * time.Second

func (w *work) count(ctx context.Context, now time.Time) error {
	if now.Sub(w.counted) < countEvery {
		return nil
	}
	w.counted = now
	n, err := w.rows.count(ctx, now)
	if err != nil {
		return err
	}
	w.metrics.open.Set(float64(n.open))
	w.metrics.stuck.Set(float64(n.stuck))
	w.metrics.due.Set(float64(n.due))
	w.metrics.holds.Set(float64(n.holds))
	return nil
}

// ids never returns nil, which Postgres would take for an array that nothing can be compared with.
func ids(set map[uuid.UUID]bool) []uuid.UUID {
	return slices.AppendSeq(make([]uuid.UUID, 0, len(set)), maps.Keys(set))
}
