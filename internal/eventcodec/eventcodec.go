// Package eventcodec joins the stored events to the domain's: the one place where the upcasters of all shapes ever stored
// are listed, and the way from stored bytes to a domain event.
package eventcodec

import (
	"fmt"
	"sync"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/eventstore"
)

// Codec turns stored events into domain events. It is immutable and safe for concurrent use.
type Codec struct {
	upcasters *eventstore.Upcasters
}

// New checks that every shape ever stored leads to one that the domain reads. Call it at start: a fault is a fault of the
// build, not of the data.
func New() (*Codec, error) {
	upcasters, err := registry()
	if err != nil {
		return nil, err
	}
	return &Codec{upcasters: upcasters}, nil
}

var registry = sync.OnceValues(func() (*eventstore.Upcasters, error) {
	var current []eventstore.Shape
	for _, t := range bank.Types() {
		current = append(current, shape(t.Name, t.Schema))
	}
	return eventstore.NewUpcasters(current, upcasts...)
})

// Upcasters returns the registry behind the codec.
func (c *Codec) Upcasters() *eventstore.Upcasters { return c.upcasters }

// Payload returns what a stored event of any stream says, as a value of the domain package that the type of its stream belongs
// to. An error names the position; eventstore.ErrUnknownShape means that newer code wrote it.
func (c *Codec) Payload(stored eventstore.Event) (any, error) {
	current, err := c.upcasters.Upcast(stored)
	if err != nil {
		return nil, err
	}
	event, err := bank.Decode(current.StreamType, current.Type, current.Schema, current.Data)
	if err != nil {
		return nil, fmt.Errorf("decode event %d: %w", stored.Position, err)
	}
	return event, nil
}

// Decode is Payload for an event of an account.
func (c *Codec) Decode(stored eventstore.Event) (account.Event, error) {
	payload, err := c.Payload(stored)
	if err != nil {
		return nil, err
	}
	event, ok := payload.(account.Event)
	if !ok {
		return nil, fmt.Errorf("event %d is a %T, none of an account", stored.Position, payload)
	}
	return event, nil
}

// StoredTypes lists the wire names under which events of these types are stored: their own and those they used to have. An event
// that is stored under one of them may still be of another type, where a type was split.
func StoredTypes(types ...string) []string {
	upcasters, err := registry()
	if err != nil {
		panic(err) // New says it at start
	}
	return upcasters.Stored(types...)
}
