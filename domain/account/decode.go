package account

import (
	"errors"
	"fmt"
	"math"

	"passbook/domain/internal/payload"
	"passbook/domain/money"
)

// ErrUnknownEvent says that a stored event has a wire name or a schema that this program does not know, most likely because
// a newer one wrote it.
var ErrUnknownEvent = errors.New("unknown event")

// Decode reads an event's payload of the current schema; older schemas must have been brought up before. An unknown name or
// schema is ErrUnknownEvent. A payload in which something required is missing or out of its range is an error, a field it
// does not know is not. The event shares no memory with data.
func Decode(typ string, schema int, data []byte) (Event, error) {
	switch (EventType{typ, schema}) {
	case EventType{TypeOpened, schemaOpened}:
		return decode(data, nil, Opened{OverdraftLimit: missing})
	case EventType{TypeDeposited, schemaDeposited}:
		return decode(data, readDeposited, Deposited{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeWithdrawn, schemaWithdrawn}:
		return decode(data, readWithdrawn, Withdrawn{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeFeeCharged, schemaFeeCharged}:
		return decode(data, readFeeCharged, FeeCharged{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeInterestCredited, schemaInterestCredited}:
		return decode(data, readInterestCredited, InterestCredited{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeInterestDebited, schemaInterestDebited}:
		return decode(data, readInterestDebited, InterestDebited{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeFrozen, schemaFrozen}:
		return decode(data, nil, Frozen{})
	case EventType{TypeUnfrozen, schemaUnfrozen}:
		return decode(data, nil, Unfrozen{})
	case EventType{TypeClosed, schemaClosed}:
		return decode(data, nil, Closed{})
	case EventType{TypeReopened, schemaReopened}:
		return decode(data, nil, Reopened{})
	case EventType{TypeTermsChanged, schemaTermsChanged}:
		return decode(data, nil, TermsChanged{})
	case EventType{TypeTransferSent, schemaTransferSent}:
		return decode(data, readTransferSent, TransferSent{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeTransferReceived, schemaTransferReceived}:
		return decode(data, readTransferReceived, TransferReceived{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeHoldPlaced, schemaHoldPlaced}:
		return decode(data, nil, HoldPlaced{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeHoldCaptured, schemaHoldCaptured}:
		return decode(data, readHoldCaptured, HoldCaptured{Remaining: missing, Released: missing, BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeHoldReleased, schemaHoldReleased}:
		return decode(data, readHoldReleased, HoldReleased{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeHoldExtended, schemaHoldExtended}:
		return decode(data, nil, HoldExtended{})
	case EventType{TypeHoldExpired, schemaHoldExpired}:
		return decode(data, nil, HoldExpired{BalanceAfter: missing, HeldAfter: missing})
	case EventType{TypeReversalPosted, schemaReversalPosted}:
		return decode(data, readReversalPosted, ReversalPosted{BalanceAfter: missing, HeldAfter: missing})
	}
	return nil, fmt.Errorf("%w %.64q schema %d", ErrUnknownEvent, typ, schema)
}

// missing stands where zero is a good value until the payload gives one: it is in no range, so that a field that is not there
// is found by the check of the ranges.
const missing money.Amount = math.MinInt64

// stored is an event that can tell what is wrong with what was read for it.
type stored interface {
	Event
	fault() error
}

// Fault tells why an event could not be read again if it were stored; nil for whatever Decide returns. It panics on an event outside
// the set.
func Fault(e Event) error { return e.(stored).fault() }

// decode reads the layout that Encode writes with read, if there is one for the event, and any other layout with encoding/json
// on top of blank.
func decode[E stored](data []byte, read func(*canonical) E, blank E) (Event, error) {
	e, err := parse(data, read, blank)
	if err == nil {
		err = e.fault()
	}
	if err != nil {
		return nil, fmt.Errorf("decode %T: %w", blank, err)
	}
	return e, nil
}

func parse[E stored](data []byte, read func(*canonical) E, blank E) (E, error) {
	if read != nil {
		c := canonical{rest: data}
		if e := read(&c); c.end() {
			return e, nil
		}
	}
	return payload.Decode(data, blank)
}
