// Package pgcopy writes rows in the binary format of Postgres' COPY. The rows of a projection are made while its events are
// folded, one after another into one buffer: a general way to encode them would cost more than the fold.
package pgcopy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

// Rows is a buffer of rows. Each begins with Row and is followed by as many columns, in the order of the COPY statement. The
// zero value is empty.
type Rows struct {
	data  []byte
	count int
	err   error
}

// ErrText means that a text cannot be stored: Postgres has no place for a zero byte.
var ErrText = errors.New("a text contains a zero byte, which cannot be stored")

// buffers are those of Rows that were released.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// bufferKept is how many bytes one of them has at most.
const bufferKept = 4 << 20

// Row begins a row.
func (r *Rows) Row(columns int) {
	if r.data == nil {
		r.data = *buffers.Get().(*[]byte) //nolint:forcetypeassert // there is nothing else in it
	}
	r.data = binary.BigEndian.AppendUint16(r.data, uint16(columns)) //nolint:gosec // the columns of one of our tables
	r.count++
}

// UUID adds a column.
func (r *Rows) UUID(id uuid.UUID) {
	r.size(16)
	r.data = append(r.data, id[:]...)
}

// OptionalUUID adds a column, null for the zero id.
func (r *Rows) OptionalUUID(id uuid.UUID) {
	if id == uuid.Nil {
		r.Null()
		return
	}
	r.UUID(id)
}

// Int64 adds a column of type bigint.
func (r *Rows) Int64(n int64) {
	r.size(8)
	r.data = binary.BigEndian.AppendUint64(r.data, uint64(n)) //nolint:gosec // the bits of it, which is what COPY wants
}

// postgresEpoch is what times are counted from, in microseconds: the first moment of 2000.
const postgresEpoch = 946_684_800_000_000

// Time adds a column of type timestamptz, in microseconds.
func (r *Rows) Time(t time.Time) { r.Int64(t.UnixMicro() - postgresEpoch) }

// OptionalTime adds a column of type timestamptz, null for the zero time.
func (r *Rows) OptionalTime(t time.Time) {
	if t.IsZero() {
		r.Null()
		return
	}
	r.Time(t)
}

// Bool adds a column of type boolean.
func (r *Rows) Bool(b bool) {
	r.size(1)
	if b {
		r.data = append(r.data, 1)
	} else {
		r.data = append(r.data, 0)
	}
}

// Text adds a column of type text, or of any type whose binary form is its text, such as json.
func (r *Rows) Text(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		r.err = ErrText
	}
	r.size(len(s))
	r.data = append(r.data, s...)
}

// JSON adds a column of type json, null when there is nothing.
func (r *Rows) JSON(encoded []byte) {
	if encoded == nil {
		r.Null()
		return
	}
	r.size(len(encoded))
	r.data = append(r.data, encoded...)
}

// Null adds a column without a value.
func (r *Rows) Null() { r.data = binary.BigEndian.AppendUint32(r.data, math.MaxUint32) }

func (r *Rows) size(n int) { r.data = binary.BigEndian.AppendUint32(r.data, uint32(n)) } //nolint:gosec // a row of more than 4 GiB does not fit into memory, nor into Postgres

// Len is the number of rows.
func (r *Rows) Len() int { return r.count }

// Size is the number of bytes.
func (r *Rows) Size() int { return len(r.data) }

// Bytes are the rows as they will be sent, until the next change.
func (r *Rows) Bytes() []byte { return r.data }

// Reset empties the buffer and keeps its memory.
func (r *Rows) Reset() { r.data, r.count, r.err = r.data[:0], 0, nil }

// Release empties the buffer and gives its memory to others. What Bytes returned is not to be used any more.
func (r *Rows) Release() {
	data := r.data[:0]
	if *r = (Rows{}); cap(data) > 0 && cap(data) <= bufferKept {
		buffers.Put(&data)
	}
}

// Err tells why what was added cannot be stored, until it is taken away by Truncate or Reset.
func (r *Rows) Err() error { return r.err }

// Mark is a place between two rows.
type Mark struct{ size, count int }

// Mark returns the place behind the last row.
func (r *Rows) Mark() Mark { return Mark{len(r.data), r.count} }

// Truncate removes what was added after the mark, and with it any error.
func (r *Rows) Truncate(m Mark) { r.data, r.count, r.err = r.data[:m.size], m.count, nil }

// header of a binary COPY: signature, no flags, no extension. It ends with a row of -1 columns.
var (
	header  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	trailer = []byte("\xff\xff")
)

// Copy sends the rows of all buffers with one statement, COPY ... FROM STDIN (FORMAT binary), within the connection's
// transaction.
func Copy(ctx context.Context, conn *pgconn.PgConn, statement string, buffers ...*Rows) error {
	count := 0
	parts := make([]io.Reader, 0, len(buffers)+2)
	parts = append(parts, bytes.NewReader(header))
	for _, b := range buffers {
		count += b.count
		parts = append(parts, bytes.NewReader(b.data))
	}
	if count == 0 {
		return nil
	}
	tag, err := conn.CopyFrom(ctx, io.MultiReader(append(parts, bytes.NewReader(trailer))...), statement)
	if err != nil {
		return err
	}
	if tag.RowsAffected() != int64(count) {
		return fmt.Errorf("%d rows of %d were stored", tag.RowsAffected(), count)
	}
	return nil
}
