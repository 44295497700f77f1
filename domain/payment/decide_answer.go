package payment

import "slices"

// What the gateway says of the outcome. It delivers at least once and in any order, so an answer can come again, come late, or
// say something else than the one before; it is never refused.

func decideSettle(s State, c Settle) ([]Event, error) {
	reference := cut(c.GatewayReference, GatewayTextMax)
	switch {
	case s.Status == StatusNone:
		return nil, NotFound{}
	case !s.Final():
		return []Event{Settled{GatewayReference: reference}}, nil
	case s.Status == StatusSettled && (reference == "" || s.GatewayReference == "" || reference == s.GatewayReference):
		return nil, nil
	}
	// Settled twice under two references may be paid twice: that contradicts, too.
	return s.contradicted(AnswerContradicted{Outcome: s.Status, Answer: StatusSettled, GatewayReference: reference})
}

func decideReject(s State, c Reject) ([]Event, error) {
	code, reason := cut(c.Code, WordMax), cut(c.Reason, GatewayTextMax)
	switch {
	case s.Status == StatusNone:
		return nil, NotFound{}
	case !s.Final():
		return []Event{Rejected{Code: code, Reason: reason}}, nil
	case s.Status != StatusSettled:
		return nil, nil // no money has left, whatever the reason: nothing is contradicted
	}
	return s.contradicted(AnswerContradicted{Outcome: s.Status, Answer: StatusRejected, Code: code, Reason: reason})
}

// contradicted records a contradiction once.
func (s State) contradicted(e AnswerContradicted) ([]Event, error) {
	if slices.Contains(s.Contradictions, e) || len(s.Contradictions) >= ContradictionsMax {
		return nil, nil
	}
	return []Event{e}, nil
}
