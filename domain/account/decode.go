package account

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrUnknownEvent says that a stored event has a wire name or a schema that this program does not know, most likely because
// a newer one wrote it.
var ErrUnknownEvent = errors.New("unknown event")

// Decode reads an event's payload of the current schema; older schemas must have been brought up before. An unknown name or
// schema is ErrUnknownEvent. A payload in which something required is missing or out of its range is an error, a field it
// does not know is not.
func Decode(typ string, schema int, data []byte) (Event, error) {
	switch (EventType{typ, schema}) {
	case EventType{TypeOpened, schemaOpened}:
		return decode[Opened](typ, data)
	case EventType{TypeDeposited, schemaDeposited}:
		return decode[Deposited](typ, data)
	case EventType{TypeWithdrawn, schemaWithdrawn}:
		return decode[Withdrawn](typ, data)
	case EventType{TypeFeeCharged, schemaFeeCharged}:
		return decode[FeeCharged](typ, data)
	case EventType{TypeInterestPosted, schemaInterestPosted}:
		return decode[InterestPosted](typ, data)
	case EventType{TypeFrozen, schemaFrozen}:
		return decode[Frozen](typ, data)
	case EventType{TypeUnfrozen, schemaUnfrozen}:
		return decode[Unfrozen](typ, data)
	case EventType{TypeClosed, schemaClosed}:
		return decode[Closed](typ, data)
	case EventType{TypeReopened, schemaReopened}:
		return decode[Reopened](typ, data)
	case EventType{TypeSettingsChanged, schemaSettingsChanged}:
		return decode[SettingsChanged](typ, data)
	}
	return nil, fmt.Errorf("%w %.64q schema %d", ErrUnknownEvent, typ, schema)
}

func decode[E Event](typ string, data []byte) (Event, error) {
	var e E
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("decode %s: %w", typ, err)
	}
	return e, nil
}
