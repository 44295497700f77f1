package commandapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// results writes what became of the items, in their order, in the form that the items came in.
type results struct {
	w         http.ResponseWriter
	items     *bulkItems
	lines     bool
	buffer    []byte
	written   int
	succeeded int
	position  int64
	gone      error // the caller cannot be written to; nothing is written any more
}

// bufferFull is how much is written at a time when there is no reason to write before.
const bufferFull = 32 << 10

func (b *bulk) newResults(w http.ResponseWriter) *results {
	return &results{w: w, items: b.handlers.items, lines: b.lines, buffer: make([]byte, 0, bufferFull+4096)}
}

// begin writes the head. From here on the status is 200, whatever becomes of the items.
func (r *results) begin() {
	contentType := contentJSON
	if r.lines {
		contentType = contentLines
	} else {
		r.buffer = append(r.buffer, `{"data":[`...)
	}
	r.w.Header()["Content-Type"] = contentType
	r.w.WriteHeader(http.StatusOK)
}

// add appends the result of the next item. body is JSON.
func (r *results) add(status int, replayed bool, body []byte, position int64) {
	if r.written > 0 && !r.lines {
		r.buffer = append(r.buffer, ',', '\n')
	}
	b := strconv.AppendInt(append(r.buffer, `{"index":`...), int64(r.written), 10)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(status), 10)
	b = strconv.AppendBool(append(b, `,"idempotent_replayed":`...), replayed)
	b = append(append(append(b, `,"body":`...), body...), '}')
	if r.lines {
		b = append(b, '\n')
	}
	r.buffer = b
	r.written++
	r.items.count(status)
	if status < http.StatusMultipleChoices {
		r.succeeded++
		r.position = max(r.position, position)
	}
	if len(r.buffer) >= bufferFull {
		r.flush()
	}
}

// flush sends what there is.
func (r *results) flush() {
	if len(r.buffer) == 0 || r.gone != nil {
		r.buffer = r.buffer[:0]
		return
	}
	_, err := r.w.Write(r.buffer)
	r.buffer = r.buffer[:0]
	if err != nil {
		r.gone = fmt.Errorf("the caller has gone: %w: %w", context.Canceled, err)
		return
	}
	if f, ok := r.w.(http.Flusher); ok {
		f.Flush()
	}
}

// end writes the rest. An error means that the caller has gone.
func (r *results) end() error {
	if !r.lines {
		b := strconv.AppendInt(append(r.buffer, `],"succeeded":`...), int64(r.succeeded), 10)
		b = strconv.AppendInt(append(b, `,"failed":`...), int64(r.written-r.succeeded), 10)
		b = strconv.AppendInt(append(b, `,"position":`...), r.position, 10)
		r.buffer = append(b, '}')
	}
	r.flush()
	return r.gone
}
