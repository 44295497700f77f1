package bank

import (
	"time"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/money"
	"passbook/domain/payment"
)

// ApprovalRequired says that a command needs a second person, where it cannot wait for one: in a group that stands all together or
// not at all.
type ApprovalRequired struct {
	Money     money.Money
	Threshold money.Amount
}

// Code returns "approval_required".
func (ApprovalRequired) Code() string { return "approval_required" }

func (r ApprovalRequired) Error() string {
	return "what moves " + r.Money.String() + " needs the approval of a second person, and cannot be part of a group"
}

// Moves is the money that somebody's command moves, seen in what follows from it; false for what moves none, for what the bank does
// by itself, and for what a second person has decided. A payment moves its money with the request. A hold only sets it aside: its
// capture moves it.
func Moves(c Command, changes []Change) (money.Money, bool) {
	switch c := c.(type) {
	case OnAccount:
		switch c.Command.(type) {
		case account.Deposit, account.Withdraw, account.ChargeFee, account.PostInterest, account.CaptureHold:
		default:
			return money.Money{}, false
		}
	case OnPayment:
		if _, requests := c.Command.(payment.Request); !requests {
			return money.Money{}, false
		}
	case OnApproval:
		return money.Money{}, false
	}
	return moved(changes)
}

// moved is the money that changes move: of a transfer, which shows it on both sides, once.
func moved(changes []Change) (money.Money, bool) {
	for _, change := range changes {
		for _, event := range change.Events {
			switch e := event.(type) {
			case payment.Requested:
				return money.Money{Amount: e.Amount, Currency: e.Currency}, true
			case account.Event:
				if m, moves := account.MovementOf(e); moves {
					return money.Money{Amount: max(m.Amount, -m.Amount), Currency: m.Currency}, true
				}
			}
		}
	}
	return money.Money{}, false
}

// AskForApproval puts a command down until a second person has decided: ask is what there is to say beside the command.
func AskForApproval(c Command, ask approval.Request, at time.Time) ([]Change, error) {
	ask.AccountID = Principal(c)
	ask.Kind, ask.Command = EncodeCommand(c)
	events, err := approval.Decide(approval.State{}, ask, at)
	if err != nil {
		return nil, err
	}
	return changes(approvalChange(ask.ApprovalID, events)), nil
}

func decideOnApproval(w World, c OnApproval, at time.Time) ([]Change, error) {
	s, isApproval := as[approval.State](w.Aggregate(c.ApprovalID))
	if !isApproval || s.Status == approval.StatusNone {
		return nil, approval.NotFound{}
	}
	events, err := approval.Decide(s, c.Command, at)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	decided := approvalChange(c.ApprovalID, events)
	if _, approved := events[0].(approval.Approved); !approved {
		return changes(decided), nil
	}
	follows, err := Decide(w, c.Original, at)
	if err != nil {
		return nil, err
	}
	return append(follows, decided), nil
}

func approvalChange(id [16]byte, events []approval.Event) Change {
	change := Change{StreamType: approval.StreamType, StreamID: id}
	for _, e := range events {
		change.Events = append(change.Events, e)
	}
	return change
}
