// Package transfer is the rule book of moving money from one account to another: both sides follow from one decision, so that
// they are written in one append or not at all. It is pure, as package account is, whose rules each side is judged by.
package transfer

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// Transfer asks to move money. TransactionID stands on both accounts, and is the id of the transfer.
type Transfer struct {
	TransactionID      uuid.UUID
	SourceID, TargetID uuid.UUID
	Money              money.Money
	Reference          string
	Metadata           map[string]string
}

// Side is one of the two accounts.
type Side string

// The sides.
const (
	Source Side = "source"
	Target Side = "target"
)

// Refused says on which side a transfer was refused, and why there: Unwrap returns the account's own refusal.
type Refused struct {
	Side      Side
	AccountID uuid.UUID
	Refusal   account.Refusal
}

// Code is the code of the side's refusal.
func (r Refused) Code() string { return r.Refusal.Code() }

func (r Refused) Error() string {
	if r.Refusal.Code() == (account.SameAccount{}).Code() {
		return r.Refusal.Error()
	}
	return fmt.Sprintf("%s account: %s", r.Side, r.Refusal.Error())
}

func (r Refused) Unwrap() error { return r.Refusal }

// Decide answers what follows on each side: events on both, or on neither. The source is judged first, whole, and then the target.
// A transfer that both accounts know already decides nothing.
func Decide(source, target account.State, c Transfer, at time.Time) (sent, received []account.Event, err error) {
	if c.SourceID == c.TargetID {
		return nil, nil, c.refused(Source, account.SameAccount{})
	}
	sent, err = account.Decide(source, account.SendTransfer{
		TransactionID: c.TransactionID, TargetID: c.TargetID, Money: c.Money, Reference: c.Reference, Metadata: c.Metadata,
	}, at)
	if err != nil {
		return nil, nil, c.refused(Source, err)
	}
	if len(sent) == 0 {
		return nil, nil, nil
	}
	received, err = account.Decide(target, account.ReceiveTransfer{
		TransactionID: c.TransactionID, SourceID: c.SourceID, Money: c.Money, Reference: c.Reference, Metadata: c.Metadata,
	}, at)
	if err != nil {
		return nil, nil, c.refused(Target, err)
	}
	return sent, received, nil
}

func (c Transfer) refused(side Side, err error) error {
	var refusal account.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	id := c.SourceID
	if side == Target {
		id = c.TargetID
	}
	return Refused{Side: side, AccountID: id, Refusal: refusal}
}
