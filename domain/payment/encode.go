package payment

import (
	"fmt"

	"passbook/domain/internal/payload"
)

// Encode returns the wire name, the schema and the payload of an event: the same bytes for the same event every time, the
// fields in the order of their schema, metadata by key. It panics on an event outside the set, nil included.
func Encode(e Event) (typ string, schema int, data []byte) {
	switch e := e.(type) {
	case Requested:
		return TypeRequested, schemaRequested, payload.Encode(e)
	case Submitted:
		return TypeSubmitted, schemaSubmitted, payload.Encode(e)
	case Settled:
		return TypeSettled, schemaSettled, payload.Encode(e)
	case Rejected:
		return TypeRejected, schemaRejected, payload.Encode(e)
	case TimedOut:
		return TypeTimedOut, schemaTimedOut, payload.Encode(e)
	case Cancelled:
		return TypeCancelled, schemaCancelled, payload.Encode(e)
	case Pushed:
		return TypePushed, schemaPushed, payload.Encode(e)
	case MarkedStuck:
		return TypeMarkedStuck, schemaMarkedStuck, payload.Encode(e)
	case AnswerContradicted:
		return TypeAnswerContradicted, schemaAnswerContradicted, payload.Encode(e)
	}
	panic(fmt.Sprintf("payment: no encoding for event %T", e))
}
