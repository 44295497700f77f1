package payment

import (
	"fmt"
	"maps"
	"time"

	"passbook/domain/internal/limit"
)

// Decide answers what follows from a command that is recorded at a time: events, nothing because it has been done already, or
// a Refusal. It does not change s, and the events share the command's metadata, which must not be written to afterwards. It
// panics on a command outside the set, nil included.
func Decide(s State, c Command, at time.Time) ([]Event, error) {
	switch c := c.(type) {
	case Request:
		return decideRequest(s, c, at)
	case Submit:
		return decideSubmit(s, c)
	case Settle:
		return decideSettle(s, c)
	case Reject:
		return decideReject(s, c)
	case TimeOut:
		return decideTimeOut(s, at)
	case Cancel:
		return decideCancel(s, c)
	case Push:
		return decidePush(s, c)
	case MarkStuck:
		return decideMarkStuck(s, c)
	}
	panic(fmt.Sprintf("payment: no rule for command %T", c))
}

func decideRequest(s State, c Request, at time.Time) ([]Event, error) {
	fault := limit.First(
		checkID("payment_id", c.PaymentID), checkID("account_id", c.AccountID), checkID("hold_id", c.HoldID),
		checkCurrency(c.Money.Currency), checkCreditor(c.Creditor),
		checkText("reference", c.Reference, 0, ReferenceMax), checkMetadata(c.Metadata))
	c = c.normal()
	switch {
	case fault != nil:
		return nil, fault
	case s.Status != StatusNone && s.sameAs(c):
		return nil, nil
	case s.Status != StatusNone:
		return nil, AlreadyRequested{}
	}
	deadline := c.Deadline
	if deadline.IsZero() {
		deadline = at.UTC().Add(DeadlineDefault).Truncate(time.Microsecond)
	}
	if err := limit.First(checkAmount(c.Money.Amount), checkDeadline(deadline, at)); err != nil {
		return nil, err
	}
	return []Event{Requested{
		PaymentID: c.PaymentID, AccountID: c.AccountID, HoldID: c.HoldID, Amount: c.Money.Amount, Currency: c.Money.Currency,
		Creditor: c.Creditor, Reference: c.Reference, Metadata: orNil(c.Metadata), Deadline: deadline,
	}}, nil
}

// normal brings a request into the form in which it is recorded.
func (c Request) normal() Request {
	c.Creditor = c.Creditor.normal()
	if !c.Deadline.IsZero() {
		c.Deadline = c.Deadline.UTC().Truncate(time.Microsecond) // as precise as Postgres
	}
	return c
}

// sameAs reports whether requesting with c would have led to this payment, whatever became of it since.
func (s State) sameAs(c Request) bool {
	return s.PaymentID == c.PaymentID && s.AccountID == c.AccountID && s.HoldID == c.HoldID && s.Money == c.Money &&
		s.Creditor == c.Creditor && s.Reference == c.Reference && maps.Equal(s.Metadata, c.Metadata) &&
		(c.Deadline.IsZero() || s.Deadline.Equal(c.Deadline))
}

func decideSubmit(s State, c Submit) ([]Event, error) {
	switch s.Status {
	case StatusNone:
		return nil, NotFound{}
	case StatusRequested:
		return []Event{Submitted{GatewayReference: cut(c.GatewayReference, GatewayTextMax)}}, nil
	}
	return nil, nil // said again, or late: the outcome says more
}

func decideTimeOut(s State, at time.Time) ([]Event, error) {
	switch {
	case s.Status == StatusNone:
		return nil, NotFound{}
	case s.Status == StatusTimedOut:
		return nil, nil
	case s.Final():
		return nil, Final{Outcome: s.Status}
	case at.Before(s.Deadline):
		return nil, NotDue{Deadline: s.Deadline}
	}
	return []Event{TimedOut{Deadline: s.Deadline}}, nil
}

func decideCancel(s State, c Cancel) ([]Event, error) {
	switch fault := checkOperator(c.By, c.Reason); {
	case fault != nil:
		return nil, fault
	case s.Status == StatusNone:
		return nil, NotFound{}
	case s.Status == StatusCancelled:
		return nil, nil
	case s.Final():
		return nil, Final{Outcome: s.Status}
	case s.Status == StatusSubmitted && !s.Stuck:
		return nil, AtGateway{}
	}
	return []Event{Cancelled(c)}, nil
}

func decidePush(s State, c Push) ([]Event, error) {
	switch fault := checkOperator(c.By, c.Reason); {
	case fault != nil:
		return nil, fault
	case s.Status == StatusNone:
		return nil, NotFound{}
	case s.Final():
		return nil, Final{Outcome: s.Status}
	case !s.Stuck:
		return nil, nil
	}
	return []Event{Pushed(c)}, nil
}

func decideMarkStuck(s State, c MarkStuck) ([]Event, error) {
	switch {
	case s.Status == StatusNone:
		return nil, NotFound{}
	case s.Final():
		return nil, Final{Outcome: s.Status}
	case s.Stuck:
		return nil, nil
	}
	return []Event{MarkedStuck{Reason: cut(c.Reason, GatewayTextMax)}}, nil
}

func checkOperator(by, reason string) error {
	return limit.First(checkText("by", by, 1, WordMax), checkText("reason", reason, 0, WordMax))
}
