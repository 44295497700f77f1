package approval

import (
	"bytes"
	"fmt"
	"time"

	"passbook/domain/internal/limit"
)

// Decide answers what follows from a command that is recorded at a time: events, nothing because it has been done already, or
// a Refusal. It does not change s, and the events share the command's bytes, which must not be written to afterwards. It panics
// on a command outside the set, nil included.
func Decide(s State, c Command, at time.Time) ([]Event, error) {
	switch c := c.(type) {
	case Request:
		return decideRequest(s, c, at)
	case Approve:
		return decideApprove(s, c, at)
	case Reject:
		return decideReject(s, c, at)
	case Expire:
		return decideExpire(s, at)
	}
	panic(fmt.Sprintf("approval: no rule for command %T", c))
}

func decideRequest(s State, c Request, at time.Time) ([]Event, error) {
	c.EffectiveAt, c.ExpiresAt = normal(c.EffectiveAt), normal(c.ExpiresAt)
	switch fault := c.wrong(at); {
	case s.Status != StatusNone && s.sameAs(c):
		return nil, nil
	case s.Status != StatusNone:
		return nil, AlreadyRequested{}
	case fault != nil:
		return nil, fault
	}
	return []Event{Requested{
		ApprovalID: c.ApprovalID, AccountID: c.AccountID, Kind: c.Kind, Command: c.Command, Amount: c.Money.Amount, Currency: c.Money.Currency,
		Threshold: c.Threshold, Maker: c.Maker, OwnedBy: c.OwnedBy, EffectiveAt: c.EffectiveAt, ExpiresAt: c.ExpiresAt,
	}}, nil
}

// normal is as precise as Postgres.
func normal(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}

// sameAs reports whether asking with c would have led to this approval, whatever became of it since.
func (s State) sameAs(c Request) bool {
	return s.ApprovalID == c.ApprovalID && s.AccountID == c.AccountID && s.Kind == c.Kind && bytes.Equal(s.Command, c.Command) && s.Money == c.Money &&
		s.Threshold == c.Threshold && s.Maker == c.Maker && s.OwnedBy == c.OwnedBy && s.EffectiveAt.Equal(c.EffectiveAt) && s.ExpiresAt.Equal(c.ExpiresAt)
}

func decideApprove(s State, c Approve, at time.Time) ([]Event, error) {
	reason := checkText("reason", c.Reason, 0, ReasonMax)
	if s.Status == StatusApproved && s.DecidedBy == c.By {
		return nil, reason
	}
	if err := limit.First(s.decidable(c.By, at), reason); err != nil {
		return nil, err
	}
	return []Event{Approved(c)}, nil
}

func decideReject(s State, c Reject, at time.Time) ([]Event, error) {
	reason := checkText("reason", c.Reason, 1, ReasonMax)
	if s.Status == StatusRejected && s.DecidedBy == c.By {
		return nil, reason
	}
	if err := limit.First(s.decidable(c.By, at), reason); err != nil {
		return nil, err
	}
	return []Event{Rejected(c)}, nil
}

// decidable tells why somebody cannot decide, if that is so.
func (s State) decidable(by string, at time.Time) error {
	switch {
	case s.Status == StatusNone:
		return NotFound{}
	case by == s.Maker:
		return ByMaker{}
	case s.Status == StatusApproved || s.Status == StatusRejected:
		return Final{Outcome: s.Status}
	case s.StatusAt(at) == StatusExpired:
		return HasExpired{ExpiresAt: s.ExpiresAt}
	}
	return checkText("by", by, 1, NameMax)
}

func decideExpire(s State, at time.Time) ([]Event, error) {
	switch {
	case s.Status == StatusNone:
		return nil, NotFound{}
	case s.Status != StatusPending:
		return nil, nil // it is decided, or on record as expired: there is nothing left to expire
	case at.Before(s.ExpiresAt):
		return nil, NotDue{ExpiresAt: s.ExpiresAt}
	}
	return []Event{Expired{ExpiresAt: s.ExpiresAt}}, nil
}
