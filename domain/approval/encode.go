package approval

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Encode returns the wire name, the schema and the payload of an event: the same bytes for the same event every time, the
// fields in the order of their schema. It panics on an event outside the set, nil included.
func Encode(e Event) (typ string, schema int, data []byte) {
	switch e := e.(type) {
	case Requested:
		return TypeRequested, schemaRequested, payload(e)
	case Approved:
		return TypeApproved, schemaApproved, payload(e)
	case Rejected:
		return TypeRejected, schemaRejected, payload(e)
	case Expired:
		return TypeExpired, schemaExpired, payload(e)
	}
	panic(fmt.Sprintf("approval: no encoding for event %T", e))
}

// payload writes an event as its struct tags say. HTML is not escaped: the bytes are for machines and people, not for pages.
func payload(e Event) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		panic(fmt.Sprintf("approval: %T is not JSON: %v", e, err)) // only a command that is none, or a time outside the years 0 to 9999
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
