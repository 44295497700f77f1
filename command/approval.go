package command

import (
	"time"

	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/money"
)

// Approvals says what one person does not suffice for. All instances must say the same: the one that decides goes by its own.
type Approvals struct {
	Thresholds map[money.Currency]money.Amount // what moves more is put down until a second person has decided; none: nothing is
	Expiry     time.Duration                   // how long that is waited for; 72 h
}

// secondPerson puts a command that moves more than one person may into an approval, in place of carrying it out. What it would have led
// to is decided already, so that what cannot be is refused now and bothers nobody.
func (d *decider) secondPerson(request *Request, follows []bank.Change) ([]bank.Change, error) {
	m, moves := bank.Moves(request.Command, follows)
	if !moves {
		return follows, nil
	}
	threshold, limited := d.approvals.Thresholds[m.Currency]
	switch {
	case !limited || m.Amount <= threshold:
		return follows, nil
	case d.together:
		return nil, bank.ApprovalRequired{Money: m, Threshold: threshold}
	}
	return bank.AskForApproval(request.Command, approval.Request{
		ApprovalID: newID(), Money: m, Threshold: threshold, Maker: request.Actor, OwnedBy: request.OwnedBy,
		EffectiveAt: request.EffectiveAt, ExpiresAt: d.recordedAt.Add(d.approvals.Expiry),
	}, d.recordedAt)
}

// WaitsIn is the approval that a command was put into in place of being carried out, if it was.
func WaitsIn(r *Request, o *Outcome) (approval.State, bool) {
	if _, decides := r.Command.(bank.OnApproval); decides || len(o.Changes) != 1 || o.Changes[0].StreamType != approval.StreamType {
		return approval.State{}, false
	}
	s, pending := o.After.Aggregate(o.Changes[0].StreamID).(approval.State)
	return s, pending
}

// ownerBound is the owner whose account the command must be about: the caller, where it is bound to its own, and of a command that
// waited for approval the one who gave it.
func ownerBound(r *Request) string {
	if c, ofApproval := r.Command.(bank.OnApproval); ofApproval {
		if _, approves := c.Command.(approval.Approve); approves {
			return c.OwnedBy
		}
	}
	return r.OwnedBy
}
