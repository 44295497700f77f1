package account

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Evolve returns the state after an event that was booked at a time. It takes every event as a fact and judges nothing, and it
// does not change s. It panics on an event outside the set, nil included.
func Evolve(s State, e Event, at time.Time) State {
	s.Version++
	switch e := e.(type) {
	case Opened:
		return s.opened(e)
	case Deposited:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case Withdrawn:
		s.Spent = s.Spent.spend(e.Amount, at)
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case FeeCharged:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case InterestCredited:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case InterestDebited:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case Frozen:
		return s.standing(StatusFrozen, e.Scope)
	case Unfrozen:
		return s.standing(StatusOpen, FreezeNone)
	case Closed:
		return s.standing(StatusClosed, FreezeNone)
	case Reopened:
		return s.standing(StatusOpen, FreezeNone)
	case TermsChanged:
		return s.changed(e)
	case TransferSent:
		s.Spent = s.Spent.spend(e.Amount, at)
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case TransferReceived:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case HoldPlaced:
		return s.placed(e, at)
	case HoldCaptured:
		return s.captured(e, at)
	case HoldReleased:
		return s.givenBack(e.HoldID, e.Amount, at).endHold(e.HoldID, HoldEndReleased).balances(e.BalanceAfter, e.HeldAfter)
	case HoldExtended:
		return s.changeHold(e.HoldID, func(h Hold) Hold { h.ExpiresAt = e.ExpiresAt; return h })
	case HoldExpired:
		return s.givenBack(e.HoldID, e.Amount, at).endHold(e.HoldID, HoldEndExpired).balances(e.BalanceAfter, e.HeldAfter)
	case ReversalPosted:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	}
	panic(fmt.Sprintf("account: no fold for event %T", e))
}

// Replay folds a whole history, booked at one time, into the state it leads to.
func Replay(at time.Time, history ...Event) State {
	var s State
	for _, e := range history {
		s = Evolve(s, e, at)
	}
	return s
}

func (s State) opened(e Opened) State {
	s.ID, s.OwnerID, s.OwnerName = e.AccountID, e.OwnerID, e.OwnerName
	s.Currency, s.OverdraftLimit, s.Metadata = e.Currency, e.OverdraftLimit, orNil(e.Metadata)
	return s.standing(StatusOpen, FreezeNone)
}

// moved takes over what the event states: the balances were computed when it was decided, and are never added up again.
func (s State) moved(transaction uuid.UUID, balance, held money.Amount) State {
	s.LastTransaction = transaction
	return s.balances(balance, held)
}

func (s State) balances(balance, held money.Amount) State {
	s.Balance, s.Held = balance, held
	return s
}

func (s State) placed(e HoldPlaced, at time.Time) State {
	s.Spent = s.Spent.spend(e.Amount, at)
	s = s.withHold(Hold{ID: e.HoldID, PaymentID: e.PaymentID, Amount: e.Amount, PlacedAt: at.UTC(), ExpiresAt: e.ExpiresAt})
	return s.balances(e.BalanceAfter, e.HeldAfter)
}

func (s State) captured(e HoldCaptured, at time.Time) State {
	s = s.givenBack(e.HoldID, e.Released, at)
	if e.Remaining == 0 {
		s = s.endHold(e.HoldID, HoldEndCaptured)
	} else {
		s = s.changeHold(e.HoldID, func(h Hold) Hold { h.Amount = e.Remaining; return h })
	}
	return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
}

// givenBack is for what a hold set aside and nobody captured.
func (s State) givenBack(hold uuid.UUID, amount money.Amount, at time.Time) State {
	if h, open := s.Hold(hold); open && amount > 0 {
		s.Spent = s.Spent.giveBack(amount, h.PlacedAt, at)
	}
	return s
}

func (s State) standing(status Status, scope FreezeScope) State {
	s.Status, s.FreezeScope = status, scope
	return s
}

func (s State) changed(e TermsChanged) State {
	if e.OverdraftLimit != nil {
		s.OverdraftLimit = *e.OverdraftLimit
	}
	if e.OwnerName != nil {
		s.OwnerName = *e.OwnerName
	}
	if e.Metadata != nil {
		s.Metadata = orNil(*e.Metadata)
	}
	if e.Limits != nil {
		s.Limits = *e.Limits
	}
	return s
}
