package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
)

// dueHoldsMax is how many holds are looked at for one round.
const dueHoldsMax = 100

// takeUpHolds has holds and approvals expire whose time is over, one command an account and one an approval. It comes first and takes up to a quarter of the hands,
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
	done.baulked = errors.Join(w.expireHolds(ctx, id, holds, attempts), w.expireApprovals(ctx, holds))
	done.wait = min(w.config.Policy.BackoffFirst<<min(attempts, 20), expiryAgainMax)
	done.at = time.Now()
	return done
}

// expireHolds asks the account once for all its holds.
func (w *work) expireHolds(ctx context.Context, id uuid.UUID, holds []hold, attempts int) error {
	first := slices.IndexFunc(holds, func(h hold) bool { return h.kind == kindHold })
	if first < 0 {
		return nil
	}
	w.metrics.steps.WithLabelValues(stepExpireHolds).Inc()
	return w.execute(ctx, bank.OnAccount{AccountID: id, Command: account.ExpireHolds{}}, expiryID(holds[first], attempts), "/process/accounts/"+id.String())
}

// expireApprovals asks each of the approvals. What waits in it is not decided, so anything about the account stands for it.
func (w *work) expireApprovals(ctx context.Context, holds []hold) (err error) {
	for _, h := range holds {
		if h.kind != kindApproval {
			continue
		}
		w.metrics.steps.WithLabelValues(stepExpireApproval).Inc()
		c := bank.OnApproval{ApprovalID: h.id, Original: bank.OnAccount{AccountID: h.accountID, Command: account.ExpireHolds{}}, Command: approval.Expire{}}
		err = errors.Join(err, w.execute(ctx, c, expiryID(h, h.attempts), "/process/approvals/"+h.id.String()))
	}
	return err
}

const (
	stepExpireHolds    = "expire_holds"
	stepExpireApproval = "expire_approval"

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
		w.log.Warn("holds or approvals did not expire", "account_id", done.account, slog.Any("error", done.baulked))
	}
	return w.rows.holdsAsked(ctx, done.holds, text, done.at.Add(done.wait))
}
