package approval

import (
	"fmt"
	"time"

	"passbook/domain/money"
)

// Evolve returns the state after an event that was recorded at a time. It takes every event as a fact and judges nothing, and
// it does not change s. It panics on an event outside the set, nil included.
func Evolve(s State, e Event, at time.Time) State {
	s.Version++
	switch e := e.(type) {
	case Requested:
		s.ApprovalID, s.AccountID, s.Kind, s.Command = e.ApprovalID, e.AccountID, e.Kind, e.Command
		s.Money, s.Threshold = money.Money{Amount: e.Amount, Currency: e.Currency}, e.Threshold
		s.Maker, s.OwnedBy, s.EffectiveAt = e.Maker, e.OwnedBy, e.EffectiveAt
		s.Status, s.RequestedAt, s.ExpiresAt = StatusPending, at.UTC(), e.ExpiresAt.UTC()
		return s
	case Approved:
		return s.decided(StatusApproved, e.By, e.Reason, at)
	case Rejected:
		return s.decided(StatusRejected, e.By, e.Reason, at)
	case Expired:
		return s.decided(StatusExpired, "", "", at)
	}
	panic(fmt.Sprintf("approval: no fold for event %T", e))
}

func (s State) decided(outcome Status, by, reason string, at time.Time) State {
	s.Status, s.DecidedBy, s.Reason, s.DecidedAt = outcome, by, reason, at.UTC()
	return s
}
