package payment

// The wire names of the events. They are a storage format: written by hand, never derived from a Go name, never changed.
const (
	TypeRequested          = "payment.requested"
	TypeSubmitted          = "payment.submitted"
	TypeSettled            = "payment.settled"
	TypeRejected           = "payment.rejected"
	TypeTimedOut           = "payment.timed_out"
	TypeCancelled          = "payment.cancelled"
	TypePushed             = "payment.pushed"
	TypeMarkedStuck        = "payment.stuck"
	TypeAnswerContradicted = "payment.answer_contradicted"
)

// The schemas that Encode writes and Decode reads. A payload that changes its meaning gets the next number and an upcast from
// the last; bytes already stored are never rewritten.
const (
	schemaRequested          = 1
	schemaSubmitted          = 1
	schemaSettled            = 1
	schemaRejected           = 1
	schemaTimedOut           = 1
	schemaCancelled          = 1
	schemaPushed             = 1
	schemaMarkedStuck        = 1
	schemaAnswerContradicted = 1
)

// EventType is the wire name of an event and the schema its payload has now.
type EventType struct {
	Name   string
	Schema int
}

// Types returns the wire names and current schemas of all events.
func Types() []EventType {
	return []EventType{
		{TypeRequested, schemaRequested},
		{TypeSubmitted, schemaSubmitted},
		{TypeSettled, schemaSettled},
		{TypeRejected, schemaRejected},
		{TypeTimedOut, schemaTimedOut},
		{TypeCancelled, schemaCancelled},
		{TypePushed, schemaPushed},
		{TypeMarkedStuck, schemaMarkedStuck},
		{TypeAnswerContradicted, schemaAnswerContradicted},
	}
}
