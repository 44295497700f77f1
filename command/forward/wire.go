package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// writer appends values in the format of the wire: varints, and texts behind their lengths.
type writer struct{ buffer []byte }

func (w *writer) byte(b byte) { w.buffer = append(w.buffer, b) }

func (w *writer) unsigned(v uint64) { w.buffer = binary.AppendUvarint(w.buffer, v) }

func (w *writer) signed(v int64) { w.buffer = binary.AppendVarint(w.buffer, v) }

func (w *writer) uuid(id uuid.UUID) { w.buffer = append(w.buffer, id[:]...) }

func (w *writer) text(s string) {
	w.unsigned(uint64(len(s)))
	w.buffer = append(w.buffer, s...)
}

func (w *writer) texts(all ...string) {
	for _, s := range all {
		w.text(s)
	}
}

func (w *writer) bytes(b []byte) {
	w.unsigned(uint64(len(b)))
	w.buffer = append(w.buffer, b...)
}

func (w *writer) present(is bool) bool {
	if is {
		w.byte(1)
	} else {
		w.byte(0)
	}
	return is
}

// time keeps the zero time apart from all others, and of those the moment alone.
func (w *writer) time(t time.Time) {
	if w.present(!t.IsZero()) {
		w.signed(t.Unix())
		w.unsigned(uint64(t.Nanosecond())) //nolint:gosec // never negative
	}
}

// reader takes values off a message. After the first fault it returns zero values; err tells. Texts share the message's memory.
type reader struct {
	data   []byte
	shared string
	at     int
	err    error
}

func newReader(message []byte) *reader { return &reader{data: message, shared: string(message)} }

var errTruncated = errors.New("the message is cut off")

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.at = len(r.data)
}

// next takes n bytes off and returns where they begin.
func (r *reader) next(n int) (from int, ok bool) {
	if r.err != nil || n < 0 || n > len(r.data)-r.at {
		r.fail("%w", errTruncated)
		return 0, false
	}
	from = r.at
	r.at += n
	return from, true
}

func (r *reader) more() bool { return r.err == nil && r.at < len(r.data) }

func (r *reader) byte() byte {
	if from, ok := r.next(1); ok {
		return r.data[from]
	}
	return 0
}

func (r *reader) unsigned() uint64 {
	v, n := binary.Uvarint(r.data[r.at:])
	if n <= 0 {
		r.fail("%w", errTruncated)
		return 0
	}
	r.at += n
	return v
}

func (r *reader) signed() int64 {
	v, n := binary.Varint(r.data[r.at:])
	if n <= 0 {
		r.fail("%w", errTruncated)
		return 0
	}
	r.at += n
	return v
}

// count is an unsigned number of things of at least a byte each, of which there cannot be more than there are bytes.
func (r *reader) count() int {
	n := r.unsigned()
	if n > uint64(len(r.data)-r.at)+1 { //nolint:gosec // what has been read is not more than there is
		r.fail("%w", errTruncated)
		return 0
	}
	return int(n) //nolint:gosec // bounded by the message
}

func (r *reader) uuid() (id uuid.UUID) {
	if from, ok := r.next(len(id)); ok {
		copy(id[:], r.data[from:])
	}
	return id
}

func (r *reader) text() string {
	n := r.count()
	if from, ok := r.next(n); ok {
		return r.shared[from : from+n]
	}
	return ""
}

func (r *reader) slice() []byte {
	n := r.count()
	if from, ok := r.next(n); ok {
		return r.data[from : from+n : from+n]
	}
	return nil
}

func (r *reader) present() bool { return r.byte() == 1 }

func (r *reader) time() time.Time {
	if !r.present() {
		return time.Time{}
	}
	return time.Unix(r.signed(), int64(r.unsigned())).UTC() //nolint:gosec // any moment is one
}
