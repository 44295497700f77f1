package eventstore

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// Batch is entries in the very bytes in which they go to Postgres: one binary array a column, as unnest wants them. Laying
// them out is the writer's work, so it is done entry by entry as they are decided, and not while the head is waited for.
//
// A Batch is not safe for concurrent use. It may be sent more than once.
type Batch struct {
	recordedAt time.Time
	events     int64
	last       uuid.UUID // the last event

	version, effectiveAt, eventID, streamID, schema   array
	streamType, typ, data, metadata                   array
	keyPosition, keyVersion, keyID, keyStream, status array
	caller, key, fingerprint, body                    array
}

// NewBatch returns the entries as a batch that is recorded at that time, which must not be before the head's.
func NewBatch(recordedAt time.Time, entries ...Entry) (*Batch, error) {
	b := new(Batch)
	b.Reset(recordedAt)
	for i := range entries {
		if err := b.Add(&entries[i]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Reset makes it a batch without entries, recorded at that time, in the memory that it has. It is for one that nobody has a use for
// any more: it has been answered.
func (b *Batch) Reset(recordedAt time.Time) {
	b.recordedAt, b.events, b.last = recordedAt, 0, uuid.Nil
	for i, a := range b.arrays() {
		a.begin(arrayElements[i])
	}
}

// Events is how many events the batch holds: by so much the head will move.
func (b *Batch) Events() int64 { return b.events }

// RecordedAt is the booking time of all of them.
func (b *Batch) RecordedAt() time.Time { return b.recordedAt }

// After is the head of a log that ended at head before the batch was appended.
func (b *Batch) After(head Head) Head {
	after := Head{Position: head.Position + b.events, RecordedAt: b.recordedAt, EventID: b.last}
	if b.events == 0 {
		after.EventID = head.EventID
	}
	return after
}

// arrays lists the columns in the order of the statement's parameters.
func (b *Batch) arrays() [18]*array {
	return [18]*array{
		&b.version, &b.effectiveAt, &b.eventID, &b.streamID, &b.schema, &b.streamType, &b.typ, &b.data, &b.metadata,
		&b.keyPosition, &b.keyVersion, &b.keyID, &b.keyStream, &b.status, &b.caller, &b.key, &b.fingerprint, &b.body,
	}
}

var arrayElements = [18]uint32{
	pgtype.Int8OID, pgtype.TimestamptzOID, pgtype.UUIDOID, pgtype.UUIDOID, pgtype.Int2OID,
	pgtype.TextOID, pgtype.TextOID, pgtype.TextOID, pgtype.TextOID,
	pgtype.Int8OID, pgtype.Int8OID, pgtype.UUIDOID, pgtype.UUIDOID, pgtype.Int2OID,
	pgtype.TextOID, pgtype.TextOID, pgtype.ByteaOID, pgtype.TextOID,
}

// Add puts an entry behind those that are there. Every Expected must be a version, not AnyVersion. An entry that is refused
// may have left a part of itself: the batch is then of no use.
func (b *Batch) Add(e *Entry) error {
	for i := range e.Appends {
		if err := b.addAppend(&e.Appends[i]); err != nil {
			return err
		}
	}
	if e.Answer != nil {
		b.addAnswer(e.Answer)
	}
	return nil
}

func (b *Batch) addAppend(a *Append) error {
	if a.Expected < 0 {
		return fmt.Errorf("append to %s: an exact version is needed, not %d", a.StreamID, a.Expected)
	}
	for i := range a.Events {
		if err := b.addEvent(a, a.Expected+1+int64(i), &a.Events[i]); err != nil {
			return err
		}
	}
	return nil
}

var emptyObject = []byte("{}")

func (b *Batch) addEvent(a *Append, version int64, e *NewEvent) error {
	if len(e.Data) > PayloadMax || len(e.Metadata) > PayloadMax {
		return fmt.Errorf("append to %s: the payload of a %s is larger than %d bytes", a.StreamID, e.Type, PayloadMax)
	}
	if b.events++; b.events > EventsMax {
		return fmt.Errorf("append: more than %d events", EventsMax)
	}
	effectiveAt, metadata := e.EffectiveAt, e.Metadata
	if effectiveAt.IsZero() {
		effectiveAt = b.recordedAt
	}
	if metadata == nil {
		metadata = emptyObject
	}
	b.version.int8(version)
	b.effectiveAt.int8(microseconds(effectiveAt))
	b.eventID.bytes(e.ID[:])
	b.last = e.ID
	b.streamID.bytes(a.StreamID[:])
	b.schema.int2(e.Schema)
	b.streamType.text(a.StreamType)
	b.typ.text(e.Type)
	b.data.bytes(e.Data)
	b.metadata.bytes(metadata)
	return nil
}

func (b *Batch) addAnswer(a *Answer) {
	id := a.Key.id()
	b.keyPosition.int8(a.Position)
	b.keyVersion.int8(a.Version)
	b.keyID.bytes(id[:])
	b.keyStream.bytes(a.StreamID[:])
	b.status.int2(a.Status)
	b.caller.text(a.Key.Caller)
	b.key.text(a.Key.Key)
	b.fingerprint.bytes(a.Fingerprint[:])
	b.body.bytes(a.Body)
}

// params are the statement's parameters behind the head.
func (b *Batch) params(head Head) [][]byte {
	params, after := make([][]byte, 0, 23), b.After(head)
	params = append(params,
		binary.BigEndian.AppendUint64(nil, uint64(head.Position)),              //nolint:gosec // two's complement is the format
		binary.BigEndian.AppendUint64(nil, uint64(b.events)),                   //nolint:gosec // likewise
		binary.BigEndian.AppendUint64(nil, uint64(microseconds(b.recordedAt))), //nolint:gosec // likewise
		head.EventID[:], after.EventID[:],
	)
	for _, a := range b.arrays() {
		params = append(params, a.finished())
	}
	return params
}

// epoch is Postgres' zero of time.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func microseconds(t time.Time) int64 { return t.UnixMicro() - epoch }

// array is a one-dimensional array without NULLs in Postgres' binary format.
type array struct {
	buffer []byte
	count  uint32
}

const (
	arrayHeader = 20
	arrayFirst  = 1024      // bytes of memory to begin with
	arrayKept   = 256 << 10 // what is larger is not kept for the next batch
)

// begin writes the header: one dimension, no NULLs, the element's type, the count (later), the lower bound 1.
func (a *array) begin(element uint32) {
	if a.count = 0; a.buffer == nil || cap(a.buffer) > arrayKept {
		a.buffer = make([]byte, 0, arrayFirst)
	}
	a.buffer = a.buffer[:arrayHeader]
	clear(a.buffer)
	binary.BigEndian.PutUint32(a.buffer[0:], 1)
	binary.BigEndian.PutUint32(a.buffer[8:], element)
	binary.BigEndian.PutUint32(a.buffer[16:], 1)
}

func (a *array) finished() []byte {
	binary.BigEndian.PutUint32(a.buffer[12:], a.count)
	return a.buffer
}

func (a *array) length(n int) {
	a.count++
	a.buffer = binary.BigEndian.AppendUint32(a.buffer, uint32(n)) //nolint:gosec // bounded by PayloadMax and the domain's limits
}

func (a *array) bytes(v []byte) {
	a.length(len(v))
	a.buffer = append(a.buffer, v...)
}

func (a *array) text(v string) {
	a.length(len(v))
	a.buffer = append(a.buffer, v...)
}

func (a *array) int8(v int64) {
	a.length(8)
	a.buffer = binary.BigEndian.AppendUint64(a.buffer, uint64(v)) //nolint:gosec // two's complement is the format
}

func (a *array) int2(v int) {
	a.length(2)
	a.buffer = binary.BigEndian.AppendUint16(a.buffer, uint16(v)) //nolint:gosec // a schema number or a status; the table's CHECK bounds it
}
