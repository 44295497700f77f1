package account

import (
	"cmp"
	"time"

	"github.com/google/uuid"

	"passbook/domain/internal/limit"
	"passbook/domain/money"
)

func decideDeposit(s State, c Deposit) ([]Event, error) {
	fault := limit.First(checkID("transaction_id", c.TransactionID),
		checkWord("source", c.Source), checkReference(c.Reference), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.repeats(c.TransactionID) {
		return nil, nil
	}
	if err := s.admit(c.Money, 1, s.mostIn(), FreezeAll); err != nil {
		return nil, err
	}
	return []Event{Deposited{
		TransactionID: c.TransactionID, Amount: c.Money.Amount, Currency: c.Money.Currency,
		Source: cmp.Or(c.Source, SourceUnspecified), Reference: c.Reference, Metadata: orNil(c.Metadata),
		BalanceAfter: s.Balance + c.Money.Amount, HeldAfter: s.Held,
	}}, nil
}

func decideWithdraw(s State, c Withdraw, at time.Time) ([]Event, error) {
	fault := limit.First(checkID("transaction_id", c.TransactionID),
		checkWord("channel", c.Channel), checkReference(c.Reference), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.repeats(c.TransactionID) {
		return nil, nil
	}
	if err := s.admit(c.Money, 1, money.MaxAmount, FreezeAll, FreezeDebit); err != nil {
		return nil, err
	}
	if err := s.spendable(c.Money.Amount, at); err != nil {
		return nil, err
	}
	return []Event{Withdrawn{
		TransactionID: c.TransactionID, Amount: c.Money.Amount, Currency: c.Money.Currency,
		Channel: c.Channel, Reference: c.Reference, Metadata: orNil(c.Metadata),
		BalanceAfter: s.Balance - c.Money.Amount, HeldAfter: s.Held,
	}}, nil
}

func decideChargeFee(s State, c ChargeFee) ([]Event, error) {
	fault := limit.First(checkID("transaction_id", c.TransactionID),
		checkWord("reason", c.Reason), checkReference(c.Reference), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.repeats(c.TransactionID) {
		return nil, nil
	}
	if err := s.admit(c.Money, 1, s.mostOut(), FreezeAll); err != nil {
		return nil, err
	}
	return []Event{FeeCharged{
		TransactionID: c.TransactionID, Amount: c.Money.Amount, Currency: c.Money.Currency,
		Reason: c.Reason, Reference: c.Reference, Metadata: orNil(c.Metadata),
		BalanceAfter: s.Balance - c.Money.Amount, HeldAfter: s.Held,
	}}, nil
}

func decidePostInterest(s State, c PostInterest) ([]Event, error) {
	fault := limit.First(checkID("transaction_id", c.TransactionID),
		checkWord("rate", c.Rate), checkWord("period", c.Period), checkReference(c.Reference), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.repeats(c.TransactionID) {
		return nil, nil
	}
	if err := s.admit(c.Money, -s.mostOut(), s.mostIn(), FreezeAll); err != nil {
		return nil, err
	}
	credited := InterestCredited{
		TransactionID: c.TransactionID, Amount: c.Money.Amount, Currency: c.Money.Currency,
		Rate: c.Rate, Period: c.Period, Reference: c.Reference, Metadata: orNil(c.Metadata),
		BalanceAfter: s.Balance + c.Money.Amount, HeldAfter: s.Held,
	}
	if c.Money.Amount > 0 {
		return []Event{credited}, nil
	}
	debited := InterestDebited(credited)
	debited.Amount = -c.Money.Amount
	return []Event{debited}, nil
}

// repeats reports whether the account's last movement was this very transaction.
func (s State) repeats(transaction uuid.UUID) bool { return s.LastTransaction == transaction }

// mostIn is the largest amount after which the balance is still in range.
func (s State) mostIn() money.Amount { return money.MaxAmount - max(s.Balance, 0) }

// mostOut is the largest amount that can be taken with the balance still in range.
func (s State) mostOut() money.Amount { return money.MaxAmount + min(s.Balance, 0) }

// admit judges what all movements have in common, in the order of precedence. The amount must lie between lowest and
// highest and not be zero; a freeze of one of the scopes stops it.
func (s State) admit(m money.Money, lowest, highest money.Amount, stoppedBy ...FreezeScope) error {
	if err := s.usable(); err != nil {
		return err
	}
	if m.Currency != s.Currency {
		return CurrencyMismatch{Account: s.Currency, Given: m.Currency}
	}
	if m.Amount < lowest || m.Amount > highest || m.Amount == 0 {
		return AmountOutOfRange{Amount: m.Amount, Min: lowest, Max: highest}
	}
	for _, scope := range stoppedBy {
		if s.FreezeScope == scope {
			return FrozenAccount{Scope: scope}
		}
	}
	return nil
}
