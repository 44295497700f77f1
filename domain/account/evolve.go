package account

import (
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Evolve returns the state after an event. It takes every event as a fact and judges nothing, and it does not change s. It
// panics on an event outside the set, nil included.
func Evolve(s State, e Event) State {
	s.Version++
	switch e := e.(type) {
	case Opened:
		return s.opened(e)
	case Deposited:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case Withdrawn:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case FeeCharged:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case InterestPosted:
		return s.moved(e.TransactionID, e.BalanceAfter, e.HeldAfter)
	case Frozen:
		return s.standing(StatusFrozen, e.Scope)
	case Unfrozen:
		return s.standing(StatusOpen, FreezeNone)
	case Closed:
		return s.standing(StatusClosed, FreezeNone)
	case Reopened:
		return s.standing(StatusOpen, FreezeNone)
	case SettingsChanged:
		return s.changed(e)
	}
	panic(fmt.Sprintf("account: no fold for event %T", e))
}

// Replay folds a whole history into the state it leads to.
func Replay(history ...Event) State {
	var s State
	for _, e := range history {
		s = Evolve(s, e)
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
	s.LastTransaction, s.Balance, s.Held = transaction, balance, held
	return s
}

func (s State) standing(status Status, scope FreezeScope) State {
	s.Status, s.FreezeScope = status, scope
	return s
}

func (s State) changed(e SettingsChanged) State {
	if e.OverdraftLimit != nil {
		s.OverdraftLimit = *e.OverdraftLimit
	}
	if e.OwnerName != nil {
		s.OwnerName = *e.OwnerName
	}
	if e.Metadata != nil {
		s.Metadata = orNil(*e.Metadata)
	}
	return s
}
