package account

import (
	"cmp"
	"maps"

	"passbook/domain/internal/limit"
)

func decideOpen(s State, c Open) ([]Event, error) {
	fault := limit.First(
		checkID("account_id", c.AccountID),
		checkText("owner_id", c.OwnerID, 1, OwnerIDMax),
		checkText("owner_name", c.OwnerName, 0, OwnerNameMax),
		checkCurrency(c.Currency),
		checkMetadata(c.Metadata))
	switch {
	case fault != nil:
		return nil, fault
	case s.Status != StatusNone && s.sameAs(c):
		return nil, nil
	case s.Status != StatusNone:
		return nil, AlreadyOpen{}
	}
	if err := checkLimit(c.OverdraftLimit); err != nil {
		return nil, err
	}
	return []Event{Opened{
		AccountID: c.AccountID, OwnerID: c.OwnerID, OwnerName: c.OwnerName,
		Currency: c.Currency, OverdraftLimit: c.OverdraftLimit, Metadata: orNil(c.Metadata),
	}}, nil
}

// sameAs reports whether opening with c would have led to the account as it is now, whatever moved on it since.
func (s State) sameAs(c Open) bool {
	return s.ID == c.AccountID && s.OwnerID == c.OwnerID && s.OwnerName == c.OwnerName && s.Currency == c.Currency &&
		s.OverdraftLimit == c.OverdraftLimit && maps.Equal(s.Metadata, c.Metadata)
}

func decideFreeze(s State, c Freeze) ([]Event, error) {
	scope := cmp.Or(c.Scope, FreezeAll)
	if err := limit.First(checkWord("reason", c.Reason), checkScope(scope), s.usable()); err != nil {
		return nil, err
	}
	if s.FreezeScope == scope {
		return nil, nil
	}
	return []Event{Frozen{Reason: c.Reason, Scope: scope}}, nil
}

func decideUnfreeze(s State, c Unfreeze) ([]Event, error) {
	if err := limit.First(checkWord("reason", c.Reason), s.usable()); err != nil {
		return nil, err
	}
	if s.Status != StatusFrozen {
		return nil, nil
	}
	return []Event{Unfrozen(c)}, nil
}

func decideClose(s State, c Close) ([]Event, error) {
	if err := checkWord("reason", c.Reason); err != nil {
		return nil, err
	}
	switch {
	case s.Status == StatusNone:
		return nil, NotFound{}
	case s.Status == StatusClosed:
		return nil, nil
	case s.Status == StatusFrozen:
		return nil, FrozenAccount{Scope: s.FreezeScope}
	case s.Balance != 0 || s.Held != 0:
		return nil, BalanceNotZero{Balance: s.Balance, Held: s.Held}
	}
	return []Event{Closed(c)}, nil
}

func decideReopen(s State, c Reopen) ([]Event, error) {
	if err := checkWord("reason", c.Reason); err != nil {
		return nil, err
	}
	switch s.Status {
	case StatusNone:
		return nil, NotFound{}
	case StatusClosed:
		return []Event{Reopened(c)}, nil
	}
	return nil, nil
}
