package account

import (
	"time"

	"passbook/domain/internal/limit"
	"passbook/domain/money"
)

func decideSendTransfer(s State, c SendTransfer, at time.Time) ([]Event, error) {
	fault := limit.First(checkID("transaction_id", c.TransactionID), checkID("target_account_id", c.TargetID),
		checkReference(c.Reference), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.repeats(c.TransactionID) {
		return nil, nil
	}
	if c.TargetID == s.ID {
		return nil, SameAccount{}
	}
	if err := s.admit(c.Money, 1, money.MaxAmount, FreezeAll, FreezeDebit); err != nil {
		return nil, err
	}
	if err := s.spendable(c.Money.Amount, at); err != nil {
		return nil, err
	}
	return []Event{TransferSent{
		TransactionID: c.TransactionID, CounterpartyID: c.TargetID, Amount: c.Money.Amount, Currency: c.Money.Currency,
		Reference: c.Reference, Metadata: orNil(c.Metadata), BalanceAfter: s.Balance - c.Money.Amount, HeldAfter: s.Held,
	}}, nil
}

func decideReceiveTransfer(s State, c ReceiveTransfer) ([]Event, error) {
	fault := limit.First(checkID("transaction_id", c.TransactionID), checkID("source_account_id", c.SourceID),
		checkReference(c.Reference), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.repeats(c.TransactionID) {
		return nil, nil
	}
	if c.SourceID == s.ID {
		return nil, SameAccount{}
	}
	if err := s.admit(c.Money, 1, s.mostIn(), FreezeAll); err != nil {
		return nil, err
	}
	return []Event{TransferReceived{
		TransactionID: c.TransactionID, CounterpartyID: c.SourceID, Amount: c.Money.Amount, Currency: c.Money.Currency,
		Reference: c.Reference, Metadata: orNil(c.Metadata), BalanceAfter: s.Balance + c.Money.Amount, HeldAfter: s.Held,
	}}, nil
}

// decidePostReversal takes money back only as far as it is available. It is no spending of the owner's: neither limits nor a
// freeze of debits stop it.
func decidePostReversal(s State, c PostReversal) ([]Event, error) {
	fault := limit.First(checkID("transaction_id", c.TransactionID), checkID("reverses", c.Reverses), checkDirection(c.Direction),
		checkWord("reason", c.Reason), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.repeats(c.TransactionID) {
		return nil, nil
	}
	highest := money.MaxAmount
	if c.Direction == Credit {
		highest = s.mostIn()
	}
	if err := s.admit(c.Money, 1, highest, FreezeAll); err != nil {
		return nil, err
	}
	if available := s.Available(); c.Direction == Debit && c.Money.Amount > available {
		return nil, InsufficientFunds{Available: available, Requested: c.Money.Amount}
	}
	return []Event{ReversalPosted{
		TransactionID: c.TransactionID, Reverses: c.Reverses, Direction: c.Direction, CounterpartyID: c.CounterpartyID,
		Amount: c.Money.Amount, Currency: c.Money.Currency, Reason: c.Reason, Metadata: orNil(c.Metadata),
		BalanceAfter: s.Balance + c.Direction.signed(c.Money.Amount), HeldAfter: s.Held,
	}}, nil
}

// spendable refuses what the owner may not spend or does not have. No bound from the balance is needed: what is available never
// reaches below the lowest balance.
func (s State) spendable(amount money.Amount, at time.Time) error {
	if err := s.withinLimits(amount, at); err != nil {
		return err
	}
	if available := s.Available(); amount > available {
		return InsufficientFunds{Available: available, Requested: amount}
	}
	return nil
}
