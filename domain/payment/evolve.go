package payment

import (
	"fmt"
	"slices"
	"time"

	"passbook/domain/money"
)

// Evolve returns the state after an event that was recorded at a time. It takes every event as a fact and judges nothing, and
// it does not change s. It panics on an event outside the set, nil included.
func Evolve(s State, e Event, at time.Time) State {
	s.Version++
	switch e := e.(type) {
	case Requested:
		return s.requested(e, at)
	case Submitted:
		s.Status, s.GatewayReference = StatusSubmitted, e.GatewayReference
		return s
	case Settled:
		if e.GatewayReference != "" {
			s.GatewayReference = e.GatewayReference
		}
		return s.ended(StatusSettled, "", "", at)
	case Rejected:
		return s.ended(StatusRejected, e.Code, e.Reason, at)
	case TimedOut:
		return s.ended(StatusTimedOut, "", "", at)
	case Cancelled:
		return s.ended(StatusCancelled, "", e.Reason, at)
	case Pushed:
		s.Stuck, s.StuckReason = false, ""
		return s
	case MarkedStuck:
		s.Stuck, s.StuckReason = true, e.Reason
		return s
	case AnswerContradicted:
		s.Contradictions = append(slices.Clip(s.Contradictions), e)
		return s
	}
	panic(fmt.Sprintf("payment: no fold for event %T", e))
}

// Past is an event and when it was recorded.
type Past struct {
	Event Event
	At    time.Time
}

// Replay folds a whole history into the state it leads to.
func Replay(history ...Past) State {
	var s State
	for _, p := range history {
		s = Evolve(s, p.Event, p.At)
	}
	return s
}

func (s State) requested(e Requested, at time.Time) State {
	s.PaymentID, s.AccountID, s.HoldID = e.PaymentID, e.AccountID, e.HoldID
	s.Money = money.Money{Amount: e.Amount, Currency: e.Currency}
	s.Creditor, s.Reference, s.Metadata = e.Creditor, e.Reference, orNil(e.Metadata)
	s.Status, s.RequestedAt, s.Deadline = StatusRequested, at.UTC(), e.Deadline.UTC()
	return s
}

// ended: a payment with an outcome is no longer stuck.
func (s State) ended(outcome Status, code, reason string, at time.Time) State {
	s.Status, s.Code, s.Reason, s.EndedAt = outcome, code, reason, at.UTC()
	s.Stuck, s.StuckReason = false, ""
	return s
}

// orNil makes an empty map nil, so that a state is the same whether it was folded from a command's event or from stored bytes.
func orNil(metadata map[string]string) map[string]string {
	if len(metadata) == 0 {
		return nil
	}
	return metadata
}
