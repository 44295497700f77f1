package commandapi

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"passbook/command"
	"passbook/httpapi"
)

var bulkRoute = httpapi.Route{Method: "POST", Path: "/v1/bulk"}

const (
	bulkItemsMax = 10_000
	bulkBodyMax  = 8 << 20
)

// Limits of bulk requests. Zero values get the defaults named beside them.
type Limits struct {
	BulkTimeout time.Duration // for one of them; 60 s
	BulkMax     int           // of them at a time, because each is held in memory whole; 16
	BulkWindow  int           // items of one that wait in the queue or are being committed; 256
}

func (l Limits) withDefaults() Limits {
	if l.BulkTimeout == 0 {
		l.BulkTimeout = time.Minute
	}
	if l.BulkMax == 0 {
		l.BulkMax = 16
	}
	if l.BulkWindow == 0 {
		l.BulkWindow = 256
	}
	return l
}

const (
	mediaJSON  = "application/json"
	mediaLines = "application/x-ndjson"
)

// bulk is one request with many items.
type bulk struct {
	handlers *handlers
	call     *httpapi.Call
	key      string // of the request; "" of one that needs none
	items    [][]byte
	lines    bool // one item a line, and one result a line
}

// serveBulk is the handler of a request with many items.
func (h *handlers) serveBulk(c echo.Context) error {
	select {
	case h.bulks <- struct{}{}:
		defer func() { <-h.bulks }()
	default:
		return translate(command.ErrOverloaded)
	}
	r := c.Request()
	b, err := h.readBulk(httpapi.CallFrom(r.Context()), r)
	if err != nil {
		return err
	}
	if b.call.Parameter("mode") == "atomic" {
		return h.atomically(r.Context(), b, c.Response())
	}
	return h.independently(r.Context(), b, c.Response())
}

// readBulk reads the whole body and takes it apart, so that what is refused as a whole is refused before anything is done.
func (h *handlers) readBulk(call *httpapi.Call, r *http.Request) (*bulk, error) {
	body, media, err := call.BindRaw(r, mediaJSON, mediaLines)
	if err != nil {
		return nil, err
	}
	b := &bulk{handlers: h, call: call, lines: media == mediaLines}
	if b.lines {
		b.items = splitLines(body)
	} else if b.items, err = splitArray(body); err != nil {
		return nil, err
	}
	if err := checkCount(len(b.items)); err != nil {
		return nil, err
	}
	call.CountItems(len(b.items))
	if call.DryRun {
		return b, nil
	}
	if b.key, err = call.IdempotencyKey(); err != nil {
		return nil, err
	}
	return b, checkBulkKey(b.key)
}

// independently executes the items one by one and streams their results.
func (h *handlers) independently(ctx context.Context, b *bulk, w http.ResponseWriter) error {
	run := &independent{bulk: b, window: make([]underway, h.limits.BulkWindow), allowed: h.limits.BulkWindow, results: b.newResults(w)}
	return run.all(ctx)
}
