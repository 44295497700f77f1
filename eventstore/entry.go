package eventstore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// AnyVersion as an expected version: append at whatever version the stream has.
const AnyVersion int64 = -1

// Limits of one write. A batch beyond them is a programmer's error and refused whole.
const (
	EventsMax  = 20_000  // events in one transaction
	PayloadMax = 1 << 20 // bytes of one event's data or metadata
)

// NewEvent is an event before it has a place.
type NewEvent struct {
	ID          uuid.UUID
	Type        string
	Schema      int
	Data        []byte    // JSON
	Metadata    []byte    // JSON; nil means {}
	EffectiveAt time.Time // zero: the booking time
}

// Append is a run of events at the end of one stream.
type Append struct {
	StreamType string
	StreamID   uuid.UUID
	Expected   int64 // version of the stream before; 0 for a new one, AnyVersion for any
	Events     []NewEvent
}

// Entry is what one command leaves in the log. It stands or falls as a whole.
type Entry struct {
	Appends []Append
	Answer  *Answer // stored under its key in the same transaction; nil for none
}

// Key names a command: the caller's own word for it, in the caller's own scope.
type Key struct {
	Caller string
	Key    string
}

// id is the key in the sixteen bytes by which it is found. Two keys with one id cannot be made: that would take a collision
// of half a SHA-256.
func (k Key) id() uuid.UUID {
	var buffer [256]byte
	text := append(append(append(buffer[:0], k.Caller...), 0), k.Key...)
	sum := sha256.Sum256(text)
	return uuid.UUID(sum[:16])
}

// Answer is what was said to a command, kept for ever under its key.
type Answer struct {
	Key         Key
	Fingerprint [32]byte // of the request; another request under the same key is refused
	StreamID    uuid.UUID
	Version     int64 // of the stream after the command
	Position    int64 // of the log after the command
	Status      int
	Body        []byte
}

// Verdict tells what became of one entry of Append.
type Verdict struct {
	Err      error // nil: committed; otherwise *VersionConflict or *KeyTaken
	Position int64 // of the entry's last event, or the head's when it has none
	Version  int64 // of its last append's stream
}

// ErrHeadMoved means that someone else has appended since the position the caller named: nothing was written.
var ErrHeadMoved = errors.New("the head of the log has moved")

// ErrOutcomeUnknown means that the connection failed before the commit was confirmed: it may have happened.
var ErrOutcomeUnknown = errors.New("outcome of the write unknown")

// VersionConflict means that a stream was not at the expected version: the entry was not written.
type VersionConflict struct {
	StreamID         uuid.UUID
	Expected, Actual int64 // Actual is AnyVersion when Postgres refused without naming it
}

func (e *VersionConflict) Error() string {
	return fmt.Sprintf("stream %s is at version %d, not %d", e.StreamID, e.Actual, e.Expected)
}

// KeyTaken means that the idempotency key already has an answer: the entry was not written.
type KeyTaken struct {
	Key    Key
	Answer *Answer // nil when Postgres refused without naming it
}

func (e *KeyTaken) Error() string {
	return fmt.Sprintf("idempotency key %q already has an answer", e.Key.Key)
}
