package process

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
)

// dueHoldsMax is how many holds are looked at for one round.
const dueHoldsMax = 100

// takeUpHolds has holds expire whose time is over, one command an account. It comes first and takes up to a quarter of the hands,
// so that neither these nor payments wait for the others.
func (w *work) takeUpHolds(ctx context.Context, now time.Time) error {
	hands := min(w.free(), max(1, w.config.Concurrency/4)-len(w.asked))
	if hands <= 0 {
		return nil
	}
	found, err := w.rows.dueHolds(ctx, now, ids(w.asked), dueHoldsMax)
	if err != nil {
		return err
	}
	byAccount := map[uuid.UUID][]hold{}
	for _, h := range found {
		if byAccount[h.accountID] != nil || len(byAccount) < hands {
			byAccount[h.accountID] = append(byAccount[h.accountID], h)
		}
	}
	for id, holds := range byAccount {
		w.asked[id] = true
		w.hands.Go(func() { w.results <- w.expire(ctx, id, holds) })
	}
	return nil
}

func (w *work) expire(ctx context.Context, id uuid.UUID, holds []hold) result {
	done := result{account: id}
	attempts := 0
	for _, h := range holds {
		done.holds = append(done.holds, h.id)
		attempts = max(attempts, h.attempts)
	}
	w.metrics.steps.WithLabelValues(stepExpireHolds).Inc()
	key := expiryID(holds[0], attempts)
	done.baulked = w.execute(ctx, bank.OnAccount{AccountID: id, Command: account.ExpireHolds{}}, key, "/process/accounts/"+id.String())
	done.wait = min(w.config.Policy.BackoffFirst<<min(attempts, 20), expiryAgainMax)
	done.at = time.Now()
	return done
}

const (
	stepExpireHolds = "expire_holds"
	// expiryAgainMax is the longest break between two attempts to have a hold expire: the account is not what keeps it.
	expiryAgainMax = time.Hour
)

// expiryNames is the name space of the ids of commands that have holds expire. It never changes.
var expiryNames = uuid.MustParse("a4a7c3f2-70e5-5f39-8d35-1d5b6cfb0a02")

// expiryID names the command in this attempt: see payment.CommandID.
func expiryID(first hold, attempts int) uuid.UUID {
	return uuid.NewSHA1(expiryNames, fmt.Appendf(nil, "%s %d %d", first.id, first.expiresAt.UnixMicro(), attempts))
}

// noteHolds: what has expired goes with its event; what has not is asked after again.
func (w *work) noteHolds(ctx context.Context, done result) error {
	delete(w.asked, done.account)
	text := ""
	if done.baulked != nil {
		text = done.baulked.Error()
		w.log.Warn("holds did not expire", "account_id", done.account, slog.Any("error", done.baulked))
	}
	return w.rows.holdsAsked(ctx, done.holds, text, done.at.Add(done.wait))
}
