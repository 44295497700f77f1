package approval

import (
	"fmt"

	"passbook/domain/internal/payload"
)

// Encode returns the wire name, the schema and the payload of an event: the same bytes for the same event every time, the
// fields in the order of their schema. It panics on an event outside the set, nil included.
func Encode(e Event) (typ string, schema int, data []byte) {
	switch e := e.(type) {
	case Requested:
		return TypeRequested, schemaRequested, payload.Encode(e)
	case Approved:
		return TypeApproved, schemaApproved, payload.Encode(e)
	case Rejected:
		return TypeRejected, schemaRejected, payload.Encode(e)
	case Expired:
		return TypeExpired, schemaExpired, payload.Encode(e)
	}
	panic(fmt.Sprintf("approval: no encoding for event %T", e))
}
