package bank

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/payment"
	"passbook/domain/reversal"
)

// Aggregate is the state of one stream: an account.State, a payment.State, a reversal.State or an approval.State, as a value. It is never changed.
type Aggregate interface {
	// Size is about how many bytes it holds in memory.
	Size() int
}

// Event is what happened to one aggregate: an event of package account, payment, reversal or approval.
type Event any

// Version is the number of events that the aggregate is the fold of; of nil it is 0.
func Version(a Aggregate) int64 {
	switch a := a.(type) {
	case nil:
		return 0
	case account.State:
		return a.Version
	case payment.State:
		return a.Version
	case reversal.State:
		return a.Version
	case approval.State:
		return a.Version
	}
	panic(fmt.Sprintf("bank: %T is no aggregate", a))
}

// StreamType is the stream type of the aggregate; of nil it is empty.
func StreamType(a Aggregate) string {
	switch a := a.(type) {
	case nil:
		return ""
	case account.State:
		return account.StreamType
	case payment.State:
		return payment.StreamType
	case reversal.State:
		return reversal.StreamType
	case approval.State:
		return approval.StreamType
	default:
		panic(fmt.Sprintf("bank: %T is no aggregate", a))
	}
}

// Evolve returns the aggregate of this id after an event that was booked at a time. The first event says what kind of aggregate
// it is; ok is false when a later one is of another kind.
func Evolve(a Aggregate, id uuid.UUID, e Event, at time.Time) (after Aggregate, ok bool) {
	switch e := e.(type) {
	case account.Event:
		s, ok := as[account.State](a)
		return account.Evolve(s, e, at), ok
	case payment.Event:
		s, ok := as[payment.State](a)
		return payment.Evolve(s, e, at), ok
	case reversal.Reversed:
		s, ok := as[reversal.State](a)
		return reversal.Evolve(s, id, e, at), ok
	case approval.Event:
		s, ok := as[approval.State](a)
		return approval.Evolve(s, e, at), ok
	}
	panic(fmt.Sprintf("bank: no fold for event %T", e))
}

// as takes nothing for the zero aggregate.
func as[S Aggregate](a Aggregate) (S, bool) {
	s, ok := a.(S)
	return s, ok || a == nil
}

// Encode returns the wire name, the schema and the payload of an event.
func Encode(e Event) (typ string, schema int, data []byte) {
	switch e := e.(type) {
	case account.Event:
		return account.Encode(e)
	case payment.Event:
		return payment.Encode(e)
	case reversal.Reversed:
		return reversal.Encode(e)
	case approval.Event:
		return approval.Encode(e)
	}
	panic(fmt.Sprintf("bank: no encoding for event %T", e))
}

// Fault tells why an event could not be read again if it were stored; nil for whatever Decide returns. Stored all the same, it would
// stop everybody who folds its stream.
func Fault(e Event) error {
	switch e := e.(type) {
	case account.Event:
		return account.Fault(e)
	case payment.Event:
		return payment.Fault(e)
	case reversal.Reversed:
		return reversal.Fault(e)
	case approval.Event:
		return approval.Fault(e)
	}
	panic(fmt.Sprintf("bank: no event %T", e))
}

// Decode reads an event's payload of the current schema in a stream of this type.
func Decode(streamType, typ string, schema int, data []byte) (Event, error) {
	switch streamType {
	case account.StreamType:
		return event(account.Decode(typ, schema, data))
	case payment.StreamType:
		return event(payment.Decode(typ, schema, data))
	case reversal.StreamType:
		return event(reversal.Decode(typ, schema, data))
	case approval.StreamType:
		return event(approval.Decode(typ, schema, data))
	}
	return nil, fmt.Errorf("%w in a stream of type %.64q", account.ErrUnknownEvent, streamType)
}

// event keeps a nil from becoming an Event that is not nil.
func event[E any](e E, err error) (Event, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}

// EventType is the wire name of an event, the schema its payload has now, and the type of the streams it stands in.
type EventType struct {
	StreamType string
	Name       string
	Schema     int
}

// Types returns the wire names and current schemas of all events.
func Types() []EventType {
	var all []EventType
	for _, t := range account.Types() {
		all = append(all, EventType{account.StreamType, t.Name, t.Schema})
	}
	for _, t := range payment.Types() {
		all = append(all, EventType{payment.StreamType, t.Name, t.Schema})
	}
	for _, t := range reversal.Types() {
		all = append(all, EventType{reversal.StreamType, t.Name, t.Schema})
	}
	for _, t := range approval.Types() {
		all = append(all, EventType{approval.StreamType, t.Name, t.Schema})
	}
	return all
}

// snapshot is an aggregate as it is stored: exactly one is not nil.
type snapshot struct {
	Account  *account.State  `json:"account,omitempty"`
	Payment  *payment.State  `json:"payment,omitempty"`
	Reversal *reversal.State `json:"transaction,omitempty"`
	Approval *approval.State `json:"approval,omitempty"`
}

// Snapshot returns the aggregate as JSON, to be read back by the code of the same [FoldFingerprint] only.
func Snapshot(a Aggregate) ([]byte, error) {
	var s snapshot
	switch a := a.(type) {
	case account.State:
		s.Account = &a
	case payment.State:
		s.Payment = &a
	case reversal.State:
		s.Reversal = &a
	case approval.State:
		s.Approval = &a
	}
	return json.Marshal(s)
}

// Restore reads a snapshot.
func Restore(data []byte) (Aggregate, error) {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	switch {
	case s.Account != nil:
		return *s.Account, nil
	case s.Payment != nil:
		return *s.Payment, nil
	case s.Reversal != nil:
		return *s.Reversal, nil
	case s.Approval != nil:
		return *s.Approval, nil
	}
	return nil, fmt.Errorf("snapshot: of nothing")
}

// FoldFingerprint identifies how the events of all aggregates fold: see account.FoldFingerprint.
func FoldFingerprint() string { return foldFingerprint() }

var foldFingerprint = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(account.FoldFingerprint() + payment.FoldFingerprint() + reversal.FoldVersion + approval.FoldFingerprint()))
	return hex.EncodeToString(sum[:])
})
