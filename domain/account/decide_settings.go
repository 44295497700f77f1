package account

import (
	"maps"

	"passbook/domain/internal/limit"
	"passbook/domain/money"
)

// decideChangeSettings decides one event with those settings alone that differ from the present ones.
func decideChangeSettings(s State, c ChangeSettings) ([]Event, error) {
	if err := limit.First(checkSettings(c), s.usable()); err != nil {
		return nil, err
	}
	var changed TermsChanged
	if c.OverdraftLimit != nil && *c.OverdraftLimit != s.OverdraftLimit {
		if err := s.admitLimit(*c.OverdraftLimit); err != nil {
			return nil, err
		}
		changed.OverdraftLimit = new(*c.OverdraftLimit)
	}
	if c.OwnerName != nil && *c.OwnerName != s.OwnerName {
		changed.OwnerName = new(*c.OwnerName)
	}
	if c.Metadata != nil && !maps.Equal(*c.Metadata, s.Metadata) {
		changed.Metadata = new(orEmpty(*c.Metadata))
	}
	if c.Limits != nil && *c.Limits != s.Limits {
		changed.Limits = new(*c.Limits)
	}
	if changed == (TermsChanged{}) {
		return nil, nil
	}
	return []Event{changed}, nil
}

func checkSettings(c ChangeSettings) error {
	if c.OwnerName != nil {
		if err := checkText("owner_name", *c.OwnerName, 0, OwnerNameMax); err != nil {
			return err
		}
	}
	if c.Metadata != nil {
		if err := checkMetadata(*c.Metadata); err != nil {
			return err
		}
	}
	if c.Limits != nil {
		return checkLimits(*c.Limits)
	}
	return nil
}

// admitLimit lets a limit be raised at any time, and lowered as far as the account does not use it.
func (s State) admitLimit(limit money.Amount) error {
	if err := checkLimit(limit); err != nil {
		return err
	}
	if used := s.Held - s.Balance; limit < s.OverdraftLimit && limit < used {
		return OverdraftInUse{Limit: limit, Used: used}
	}
	return nil
}

func checkLimit(limit money.Amount) error {
	if limit < 0 || limit > money.MaxAmount {
		return AmountOutOfRange{Amount: limit, Min: 0, Max: money.MaxAmount}
	}
	return nil
}

// orEmpty makes a nil map an empty one: clearing the metadata is written as {}, not as null.
func orEmpty(metadata map[string]string) map[string]string {
	if metadata == nil {
		return map[string]string{}
	}
	return metadata
}
