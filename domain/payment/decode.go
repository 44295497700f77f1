package payment

import (
	"errors"
	"fmt"

	"passbook/domain/internal/payload"
)

// ErrUnknownEvent says that a stored event has a wire name or a schema that this program does not know, most likely because
// a newer one wrote it.
var ErrUnknownEvent = errors.New("unknown event")

// Decode reads an event's payload of the current schema; older schemas must have been brought up before. An unknown name or
// schema is ErrUnknownEvent. A payload in which something required is missing or out of its range is an error, a field it
// does not know is not. The event shares no memory with data.
func Decode(typ string, schema int, data []byte) (Event, error) {
	switch (EventType{typ, schema}) {
	case EventType{TypeRequested, schemaRequested}:
		return decode(data, Requested{})
	case EventType{TypeSubmitted, schemaSubmitted}:
		return decode(data, Submitted{})
	case EventType{TypeSettled, schemaSettled}:
		return decode(data, Settled{})
	case EventType{TypeRejected, schemaRejected}:
		return decode(data, Rejected{})
	case EventType{TypeTimedOut, schemaTimedOut}:
		return decode(data, TimedOut{})
	case EventType{TypeCancelled, schemaCancelled}:
		return decode(data, Cancelled{})
	case EventType{TypePushed, schemaPushed}:
		return decode(data, Pushed{})
	case EventType{TypeMarkedStuck, schemaMarkedStuck}:
		return decode(data, MarkedStuck{})
	case EventType{TypeAnswerContradicted, schemaAnswerContradicted}:
		return decode(data, AnswerContradicted{})
	}
	return nil, fmt.Errorf("%w %.64q schema %d", ErrUnknownEvent, typ, schema)
}

// stored is an event that can tell what is wrong with what was read for it.
type stored interface {
	Event
	fault() error
}

// Fault tells why an event could not be read again if it were stored; nil for whatever Decide returns. It panics on an event outside
// the set.
func Fault(e Event) error { return e.(stored).fault() }

func decode[E stored](data []byte, blank E) (Event, error) {
	e, err := payload.Decode(data, blank)
	if err == nil {
		err = e.fault()
	}
	if err != nil {
		return nil, fmt.Errorf("decode %T: %w", blank, err)
	}
	return e, nil
}
