package account

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/internal/limit"
	"passbook/domain/money"
)

func decidePlaceHold(s State, c PlaceHold, at time.Time) ([]Event, error) {
	fault := limit.First(checkID("hold_id", c.HoldID), checkReference(c.Reference), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.knowsHold(c.HoldID) {
		return nil, nil
	}
	if err := s.admit(c.Money, 1, money.MaxAmount-s.Held, FreezeAll, FreezeDebit); err != nil { // with an overdraft, more may be available than can be held
		return nil, err
	}
	if err := checkExpiry(c, at); err != nil {
		return nil, err
	}
	if len(s.Holds) >= HoldsMax {
		return nil, TooManyHolds{Max: HoldsMax}
	}
	if err := s.spendable(c.Money.Amount, at); err != nil {
		return nil, err
	}
	return []Event{HoldPlaced{
		HoldID: c.HoldID, PaymentID: c.PaymentID, Amount: c.Money.Amount, Currency: c.Money.Currency, ExpiresAt: c.ExpiresAt,
		Reference: c.Reference, Metadata: orNil(c.Metadata), BalanceAfter: s.Balance, HeldAfter: s.Held + c.Money.Amount,
	}}, nil
}

func (s State) knowsHold(id uuid.UUID) bool {
	_, open := s.Hold(id)
	_, ended := s.ended(id)
	return open || ended
}

// checkExpiry lets a payment's hold last until the payment ends, and every other one for a time.
func checkExpiry(c PlaceHold, at time.Time) error {
	if c.PaymentID != uuid.Nil && c.ExpiresAt.IsZero() {
		return nil
	}
	return checkExpiresAt(c.ExpiresAt, at)
}

func checkExpiresAt(expiresAt, at time.Time) error {
	if expiresAt.After(at) && !expiresAt.After(at.Add(HoldTimeMax)) {
		return nil
	}
	return InvalidField{"expires_at", fmt.Sprintf("must lie in the future, at most %d days ahead", HoldTimeMax/(24*time.Hour))}
}

func decideCaptureHold(s State, c CaptureHold) ([]Event, error) {
	fault := limit.First(checkID("transaction_id", c.TransactionID), checkID("hold_id", c.HoldID), checkReference(c.Reference), checkMetadata(c.Metadata))
	if fault != nil {
		return nil, fault
	}
	if s.repeats(c.TransactionID) {
		return nil, nil
	}
	hold, err := s.openHold(c.HoldID, c.PaymentID)
	if err != nil {
		return nil, err
	}
	amount := hold.Amount
	if c.Amount != nil {
		amount = *c.Amount
	}
	switch {
	case amount < 1:
		return nil, AmountOutOfRange{Amount: amount, Min: 1, Max: hold.Amount}
	case s.FreezeScope == FreezeAll && hold.PaymentID == uuid.Nil: // what a payment has settled has left the bank
		return nil, FrozenAccount{Scope: s.FreezeScope}
	case amount > hold.Amount:
		return nil, CaptureExceedsHold{Remaining: hold.Amount, Requested: amount}
	case amount > s.mostOut():
		return nil, AmountOutOfRange{Amount: amount, Min: 1, Max: s.mostOut()}
	}
	remaining, released := hold.Amount-amount, money.Amount(0)
	if c.Final {
		remaining, released = 0, remaining
	}
	return []Event{HoldCaptured{
		TransactionID: c.TransactionID, HoldID: c.HoldID, PaymentID: hold.PaymentID, Amount: amount, Currency: s.Currency,
		Remaining: remaining, Released: released, Reference: c.Reference, Metadata: orNil(c.Metadata),
		BalanceAfter: s.Balance - amount, HeldAfter: s.Held - amount - released,
	}}, nil
}

func decideReleaseHold(s State, c ReleaseHold) ([]Event, error) {
	if err := limit.First(checkID("hold_id", c.HoldID), checkWord("reason", c.Reason)); err != nil {
		return nil, err
	}
	if how, _ := s.ended(c.HoldID); how == HoldEndReleased {
		return nil, nil
	}
	hold, err := s.openHold(c.HoldID, c.PaymentID)
	if err != nil {
		return nil, err
	}
	return []Event{HoldReleased{
		HoldID: c.HoldID, PaymentID: hold.PaymentID, Amount: hold.Amount, Currency: s.Currency, Reason: c.Reason,
		BalanceAfter: s.Balance, HeldAfter: s.Held - hold.Amount,
	}}, nil
}

func decideExtendHold(s State, c ExtendHold, at time.Time) ([]Event, error) {
	if err := checkID("hold_id", c.HoldID); err != nil {
		return nil, err
	}
	hold, err := s.openHold(c.HoldID, uuid.Nil)
	switch {
	case err != nil:
		return nil, err
	case hold.ExpiresAt.Equal(c.ExpiresAt):
		return nil, nil
	case c.ExpiresAt.Before(hold.ExpiresAt):
		return nil, InvalidField{"expires_at", "must not be before the present one"}
	}
	if err := checkExpiresAt(c.ExpiresAt, at); err != nil {
		return nil, err
	}
	return []Event{HoldExtended(c)}, nil
}

// openHold returns the open hold, or why there is none that the payment, or whoever is none, may dispose of.
func (s State) openHold(id, payment uuid.UUID) (Hold, error) {
	if err := s.usable(); err != nil {
		return Hold{}, err
	}
	hold, open := s.Hold(id)
	switch {
	case open && hold.PaymentID != payment:
		return Hold{}, HoldOfPayment{PaymentID: hold.PaymentID}
	case open:
		return hold, nil
	}
	how, _ := s.ended(id)
	if how == HoldEndExpired {
		return Hold{}, ExpiredHold{}
	}
	return Hold{}, HoldNotActive{How: how}
}
