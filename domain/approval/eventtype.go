package approval

// The wire names of the events. They are a storage format: written by hand, never derived from a Go name, never changed.
const (
	TypeRequested = "approval.requested"
	TypeApproved  = "approval.approved"
	TypeRejected  = "approval.rejected"
	TypeExpired   = "approval.expired"
)

// The schemas that Encode writes and Decode reads. A payload that changes its meaning gets the next number and an upcast from
// the last; bytes already stored are never rewritten.
const (
	schemaRequested = 1
	schemaApproved  = 1
	schemaRejected  = 1
	schemaExpired   = 1
)

// EventType is the wire name of an event and the schema its payload has now.
type EventType struct {
	Name   string
	Schema int
}

// Types returns the wire names and current schemas of all events.
func Types() []EventType {
	return []EventType{
		{TypeRequested, schemaRequested}, {TypeApproved, schemaApproved}, {TypeRejected, schemaRejected}, {TypeExpired, schemaExpired},
	}
}
