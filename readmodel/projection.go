package readmodel

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/internal/eventcodec"
	"passbook/readmodel/internal/pgcopy"
)

// Names of the projections, as they stand in checkpoints, leases and answers.
const (
	Balances = "balances" // what each account is now
	Timeline = "timeline" // what happened on each account, with the balance after it
	Owners   = "owners"   // whose each account is
	Holds    = "holds"    // what is set aside on each account, hold by hold
	Payments = "payments" // how far each payment out of the bank has come

	Approvals = "approvals" // what waits for a second person, and what became of it
)

// Projector is a fold of the log into tables, stream by stream. Project makes one.
type Projector struct {
	Name string
	// Stream is the type of the streams that the projection is made of, of which each has a state of its own; empty: accounts.
	// Events of streams of other types pass it by.
	Stream string
	// Key is the column of the tables that has the id of the stream; empty: account_id.
	Key string
	// Version is of the code: rows made by one version are not continued by another.
	Version int
	// Tables are written by this projection and by nothing else. The names are without a schema: each generation has its own.
	Tables []string
	// Types are the types of the streams' events that the projection is made of, by the names they have now; the others pass it by.
	// Empty: all. Project adds the names that they used to have: where a type was split, old events of its other parts come along.
	Types []string
	// ExpectDiff says why the rows of this version differ from those of the version before; empty when they do not.
	ExpectDiff string
	// Metadata says that Apply reads the metadata of events; without it there is none, which spares reading it.
	Metadata bool

	newFold   func(replay bool) Fold
	newMemory func() memory
}

// Definition is what a projection does with the events of a stream. The engine does everything else: it loads the states of
// the streams in a batch, folds each stream's events in their order, and writes. For a projection of accounts, as most are, the
// stream is the account.
//
// Statements name tables without a schema: they run with the search path of a generation.
type Definition[S any] struct {
	// Load passes on the states of those of the streams that have rows, each with the version of the last event in it.
	Load func(ctx context.Context, tx pgx.Tx, streams [][16]byte, found func(stream uuid.UUID, version int64, state S)) error
	// Apply assigns what the event says to the state of its stream, which is the zero S before its first event, and adds rows.
	// It must be a function of its arguments alone: no clock, no randomness, no I/O. The same code makes the rows of a rebuild,
	// so whoever wants something to happen in the world when an event is read must not do it here. Events come in the order of
	// their versions without a gap. An error is about this event and its stream only; what was added for the event is then taken
	// back, and what was assigned to the state itself: what it points to must not be written to.
	Apply func(state *S, e *Event, add *pgcopy.Rows) error
	// Store writes states that changed. Nil when a state is what its last row says.
	Store func(ctx context.Context, tx pgx.Tx, states []*S) error
	// CopyAdded is the COPY statement of the rows that Apply adds; empty when it adds none.
	CopyAdded string
	// CopyStates is the COPY statement of a state as a row, and Row adds that row: how a rebuild writes what Store writes.
	CopyStates string
	Row        func(state *S, rows *pgcopy.Rows)
	// Finish, where a state is of several rows, adds those that no later event changes and forgets them: a rebuild calls it after
	// each event, so that it need not have the rows of all time in memory. CopyAdded is then the statement of all rows. It may be nil.
	Finish func(state *S, rows *pgcopy.Rows)
	// Settle makes of a state that has been written what Load would return for its rows. With it the states of the streams with the
	// latest events stay in memory, and are not read again; without it each batch reads the states it needs. They should be small.
	Settle func(state *S)
}

// Project makes a projection from its definition.
func Project[S any](p Projector, d Definition[S]) Projector {
	stored := d.Store != nil && d.Row != nil && d.CopyStates != ""
	if p.Name == "" || p.Version <= 0 || len(p.Tables) == 0 || d.Load == nil || d.Apply == nil || !stored && d.CopyAdded == "" {
		panic(fmt.Sprintf("readmodel: the definition of projection %q is incomplete", p.Name))
	}
	if p.Stream == "" {
		p.Stream = account.StreamType
	}
	if p.Key == "" {
		p.Key = "account_id"
	}
	if len(p.Types) > 0 {
		p.Types = eventcodec.StoredTypes(p.Types...)
	}
	p.newFold = func(replay bool) Fold {
		f := &foldOf[S]{definition: &d, streams: map[uuid.UUID]*folded[S]{}, stream: p.Stream, types: p.Types}
		if replay {
			f.finish = d.Finish
		}
		return f
	}
	p.newMemory = func() memory {
		if d.Settle == nil {
			return nil
		}
		return newMemory(memoryMax, d.Settle)
	}
	return p
}

// Wants reports whether the projection is made of such an event.
func (p *Projector) Wants(e *eventstore.Event) bool {
	return e.StreamType == p.Stream && (len(p.Types) == 0 || slices.Contains(p.Types, e.Type))
}

// of leaves out the events that the projection is not made of.
func (p *Projector) of(events []eventstore.Event) []eventstore.Event {
	n := 0
	for n < len(events) && p.Wants(&events[n]) {
		n++
	}
	if n == len(events) { // as a rule, of a projection of all events of accounts
		return events
	}
	wanted := slices.Clone(events[:n])
	for i := n + 1; i < len(events); i++ {
		if p.Wants(&events[i]) {
			wanted = append(wanted, events[i])
		}
	}
	return wanted
}

// NewFold returns an empty fold in memory.
func (p Projector) NewFold() Fold { return p.newFold(false) }

// NewReplay returns an empty fold for a replay of all events into empty tables. It forgets what no later event needs.
func (p Projector) NewReplay() Fold { return p.newFold(true) }

// Event is a stored event together with what it says.
type Event struct {
	eventstore.Event
	Payload any   // a value of the domain package that the stream's type belongs to; nil when it cannot be read
	fault   error // why it cannot be applied, whatever it says
}

// Decoder reads payloads of every shape ever stored: *eventcodec.Codec.
type Decoder interface {
	// Payload returns what the event says, as a value of the domain package that its stream's type belongs to.
	Payload(stored eventstore.Event) (any, error)
}

// DecodeEvent returns the event with its payload. One that cannot be read is refused by whatever folds it.
func DecodeEvent(decoder Decoder, stored eventstore.Event) Event {
	payload, err := decode(decoder, stored)
	return Event{stored, payload, err}
}

func decode(decoder Decoder, stored eventstore.Event) (payload any, err error) {
	defer recovered(&err)
	payload, err = decoder.Payload(stored)
	if err != nil {
		err = &unreadableError{err}
	}
	return payload, err
}

// EventError means that one event cannot be applied, now or ever, by this code. It concerns the event's stream only.
type EventError struct {
	Position int64
	Err      error
}

func (e *EventError) Error() string {
	return fmt.Sprintf("event %d cannot be applied: %v", e.Position, e.Err)
}

func (e *EventError) Unwrap() error { return e.Err }

// Projectors lists all of them.
func Projectors() []Projector {
	return []Projector{balancesProjector(), timelineProjector(), ownersProjector(), holdsProjector(), paymentsProjector(), approvalsProjector()}
}

// Shard is which of n parts of all streams a stream belongs to: always the same one for the same n.
func Shard(stream uuid.UUID, n int) int {
	h := binary.LittleEndian.Uint64(stream[:8]) ^ binary.LittleEndian.Uint64(stream[8:])*0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return int((h >> 32) % uint64(n)) //nolint:gosec // below n
}

// unknownPayload is for the end of a switch over all payloads, which a test walks: reaching it means that a payload was
// added to the domain and forgotten here.
func unknownPayload(e *Event) string {
	return fmt.Sprintf("readmodel: no rule for %T of event %d", e.Payload, e.Position)
}
