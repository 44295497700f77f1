package approval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/internal/limit"
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
		return decode(data, Requested{}, (*Requested).compact)
	case EventType{TypeApproved, schemaApproved}:
		return decode(data, Approved{})
	case EventType{TypeRejected, schemaRejected}:
		return decode(data, Rejected{})
	case EventType{TypeExpired, schemaExpired}:
		return decode(data, Expired{})
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

func decode[E stored](data []byte, blank E, settle ...func(*E)) (Event, error) {
	e, err := payload.Decode(data, blank)
	for _, f := range settle {
		f(&e)
	}
	if err == nil {
		err = e.fault()
	}
	if err != nil {
		return nil, fmt.Errorf("decode %T: %w", blank, err)
	}
	return e, nil
}

// What a stored payload must hold to be the event it says it is. Texts were judged when they were decided on and are not
// judged again: the limits of today do not make yesterday's facts untrue.

func (e Requested) fault() error {
	return limit.First(
		payload.Need(e.ApprovalID != uuid.Nil, "approval_id"),
		payload.Need(e.AccountID != uuid.Nil, "account_id"),
		payload.Need(e.Kind != "", "kind"),
		payload.Need(payload.IsObject(e.Command), "command"),
		payload.Need(e.Amount > 0 && e.Amount.InRange(), "amount"),
		payload.Need(!e.Currency.IsZero(), "currency"),
		payload.Need(e.Threshold >= 0 && e.Threshold < e.Amount, "threshold"),
		payload.Need(e.Maker != "", "maker"),
		payload.Need(!e.ExpiresAt.IsZero(), "expires_at"))
}

func (e Approved) fault() error { return payload.Need(e.By != "", "by") }
func (e Rejected) fault() error { return payload.Need(e.By != "", "by") }
func (e Expired) fault() error  { return payload.Need(!e.ExpiresAt.IsZero(), "expires_at") }

// compact brings the command into the one form in which it is written.
func (e *Requested) compact() {
	var one bytes.Buffer
	if json.Compact(&one, e.Command) == nil && one.Len() > 0 {
		e.Command = one.Bytes()
	}
}
