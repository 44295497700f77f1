package payment

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Encode returns the wire name, the schema and the payload of an event: the same bytes for the same event every time, the
// fields in the order of their schema, metadata by key. It panics on an event outside the set, nil included.
func Encode(e Event) (typ string, schema int, data []byte) {
	switch e := e.(type) {
	case Requested:
		return TypeRequested, schemaRequested, payload(e)
	case Submitted:
		return TypeSubmitted, schemaSubmitted, payload(e)
	case Settled:
		return TypeSettled, schemaSettled, payload(e)
	case Rejected:
		return TypeRejected, schemaRejected, payload(e)
	case TimedOut:
		return TypeTimedOut, schemaTimedOut, payload(e)
	case Cancelled:
		return TypeCancelled, schemaCancelled, payload(e)
	case Pushed:
		return TypePushed, schemaPushed, payload(e)
	case MarkedStuck:
		return TypeMarkedStuck, schemaMarkedStuck, payload(e)
	case AnswerContradicted:
		return TypeAnswerContradicted, schemaAnswerContradicted, payload(e)
	}
	panic(fmt.Sprintf("payment: no encoding for event %T", e))
}

// payload writes an event as its struct tags say. HTML is not escaped: the bytes are for machines and people, not for pages.
func payload(e Event) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		panic(fmt.Sprintf("payment: %T is not JSON: %v", e, err)) // only a time outside the years 0 to 9999: no deadline is
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
