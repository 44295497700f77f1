package queryapi

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/readmodel"
	"passbook/readmodel/broadcast"
)

// Streams is what event streams need. Without a broadcast there are none.
type Streams struct {
	Broadcast *broadcast.Broadcast
	Heartbeat time.Duration // silence that is broken by a comment; 15 s
	WriteMax  time.Duration // for a client to take what is sent; 10 s
}

func (s *Streams) setDefaults() {
	if s.Heartbeat == 0 {
		s.Heartbeat = 15 * time.Second
	}
	if s.WriteMax == 0 {
		s.WriteMax = 10 * time.Second
	}
}

var streamRoute = httpapi.Route{Method: http.MethodGet, Path: "/v1/stream"}

// streamBeginMax is how long it may take to begin a stream, a wait for the demanded position included.
const streamBeginMax = httpapi.WaitMax + 10*time.Second

// Stream tells what happens on the accounts that the caller may see, or on one of them, until one of both ends it. Nothing
// of the stream is written before all is known that could refuse it.
func (h *handlers) Stream(c echo.Context) error {
	ctx := c.Request().Context()
	call := httpapi.CallFrom(ctx)
	listener, err := h.listen(ctx, call)
	if err != nil {
		return err
	}
	out := newStreamWriter(c.Response(), h.streams.WriteMax, call.Identity.Has(auth.AuditRead))
	listener.Close(h.tell(ctx, call, listener, out))
	return nil
}

// listen examines what is asked for, as far as it is a stream's own.
func (h *handlers) listen(ctx context.Context, call *httpapi.Call) (*broadcast.Listener, error) {
	if h.streams.Broadcast == nil {
		return nil, &httpapi.Error{Code: httpapi.Maintenance, Detail: "There are no event streams here."}
	}
	ctx, cancel := context.WithTimeout(ctx, streamBeginMax)
	defer cancel()
	after, err := startOf(call)
	if err != nil {
		return nil, err
	}
	filter, err := h.newsFilter(ctx, call)
	if err != nil {
		return nil, err
	}
	listener, err := h.streams.Broadcast.Listen(ctx, call.Identity.Caller, filter, after)
	return listener, notListening(err)
}

// startOf is where the stream begins. What a client got last goes before what it once asked for: browsers repeat both.
func startOf(call *httpapi.Call) (int64, error) {
	last, ok, err := call.LastEventID()
	if err != nil || ok {
		return last, err
	}
	text := call.Parameter("after")
	if text == "" {
		return broadcast.FromNow, nil
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		return 0, invalid("after", httpapi.FieldOutOfRange, "must be a position")
	}
	return after, nil
}

// newsFilter picks the one account, if the caller may see it, else all that the caller may see.
func (h *handlers) newsFilter(ctx context.Context, call *httpapi.Call) (readmodel.NewsFilter, error) {
	text := call.Parameter("account_id")
	if text == "" {
		return readmodel.NewsFilter{OwnerID: call.OwnedBy}, h.wait(ctx, readmodel.NewsProjections...)
	}
	if _, err := httpapi.ParseID(text); err != nil {
		return readmodel.NewsFilter{}, invalid("account_id", httpapi.FieldInvalidFormat, "must be a UUID")
	}
	a, _, err := h.account(ctx, text, readmodel.NewsProjections...)
	return readmodel.NewsFilter{AccountID: a.ID}, err
}

// notListening finds the table's kind for what a broadcast refuses.
func notListening(err error) error {
	var tooMany broadcast.ErrTooMany
	switch {
	case errors.As(err, &tooMany):
		refusal := &httpapi.Error{
			Code: httpapi.Overloaded, Detail: "Too many event streams are open.", RetryAfterSeconds: 5,
			Context: []httpapi.Member{httpapi.Text("limit", "streams"), httpapi.Number("max", tooMany.Max)},
		}
		if tooMany.OfCaller() {
			refusal.Code, refusal.Detail = httpapi.RateLimited, "You have too many event streams open."
			refusal.Context[0] = httpapi.Text("limit", "streams_per_caller")
		}
		return refusal
	case errors.Is(err, broadcast.ErrAhead):
		return &httpapi.Error{
			Code: httpapi.InvalidParameter, Detail: "The position to go on from lies behind the end of the log: begin anew, from what you read now.",
			Cause: err,
		}
	}
	return translate(err)
}

// tell passes on what the listener hears, and returns why it ended.
func (h *handlers) tell(ctx context.Context, call *httpapi.Call, l *broadcast.Listener, out *streamWriter) broadcast.Reason {
	heartbeat := time.NewTicker(h.streams.Heartbeat)
	defer heartbeat.Stop()
	expired := time.NewTimer(lifeOf(call.Identity))
	defer expired.Stop()
	err := out.begin(l.Position())
	for err == nil {
		var heard []*broadcast.Message
		var again bool
		if heard, again, err = l.Take(ctx); err != nil {
			break
		}
		if err = out.send(heard); err != nil {
			break
		}
		roused := l.Roused()
		if again {
			roused = always
		}
		select {
		case <-roused:
		case <-heartbeat.C:
			err = out.heartbeat(l.Position())
		case <-expired.C:
			err = broadcast.Dropped{Reason: broadcast.TokenExpired}
		case <-call.Stopping():
			err = broadcast.Dropped{Reason: broadcast.Stopping}
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return out.end(ctx, err, l.Position())
}

// always can be received from.
var always = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// lifeOf is how long the caller's token still holds.
func lifeOf(id *auth.Identity) time.Duration {
	if id.Expires.IsZero() {
		return math.MaxInt64
	}
	return time.Until(id.Expires)
}

// streamWriter writes server-sent events, each time whole ones, and waits for the client only so long.
type streamWriter struct {
	w          http.ResponseWriter
	connection *http.ResponseController
	limit      time.Duration
	audited    bool // tell who caused what
	buffer     []byte
}

func newStreamWriter(w http.ResponseWriter, limit time.Duration, audited bool) *streamWriter {
	return &streamWriter{w: w, connection: http.NewResponseController(w), limit: limit, audited: audited}
}

// begin makes the answer a stream. An id without an event tells the client where it is, so that it can come back there
// although nothing has happened. Who comes back does so in 1 to 3 seconds: not all in the same moment.
func (s *streamWriter) begin(position int64) error {
	h := s.w.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["X-Accel-Buffering"] = []string{"no"} // proxies would wait for more
	h["Passbook-Position"] = []string{strconv.FormatInt(position, 10)}
	s.w.WriteHeader(http.StatusOK)
	s.buffer = strconv.AppendInt(append(s.buffer, "retry: "...), 1000+rand.Int64N(2000), 10) //nolint:gosec // no secret
	s.buffer = append(s.buffer, "\n: from here\n"...)
	s.buffer = appendStreamID(s.buffer, position)
	s.buffer = append(s.buffer, '\n')
	return s.flush()
}

func (s *streamWriter) heartbeat(position int64) error {
	s.buffer = appendStreamID(append(s.buffer, ": heartbeat\n"...), position)
	s.buffer = append(s.buffer, '\n')
	return s.flush()
}

const streamBufferMax = 64 << 10

func (s *streamWriter) send(heard []*broadcast.Message) error {
	for _, m := range heard {
		s.buffer = append(s.buffer, m.Text(encodeNews)...)
		if s.audited {
			s.buffer = appendLogMetadata(s.buffer, m.News)
		}
		s.buffer = append(s.buffer, "}\n\n"...)
		if len(s.buffer) > streamBufferMax {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

func (s *streamWriter) flush() error {
	if len(s.buffer) == 0 {
		return nil
	}
	_ = s.connection.SetWriteDeadline(time.Now().Add(s.limit)) // what is not a connection does not block either
	if _, err := s.w.Write(s.buffer); err != nil {
		return unwritten{err}
	}
	s.buffer = s.buffer[:0]
	if err := s.connection.Flush(); err != nil {
		return unwritten{err}
	}
	return nil
}

// unwritten is an error of the connection: nothing can be said on it any more.
type unwritten struct{ error }

func (u unwritten) Unwrap() error { return u.error }

// end says why the stream ends and where to go on, if the client can still be told, and returns the reason.
func (s *streamWriter) end(ctx context.Context, err error, position int64) broadcast.Reason {
	var dropped broadcast.Dropped
	var broken unwritten
	switch {
	case errors.As(err, &broken) && errors.Is(err, os.ErrDeadlineExceeded):
		return broadcast.Stalled
	case errors.As(err, &broken), ctx.Err() != nil:
		return broadcast.Gone
	case !errors.As(err, &dropped):
		dropped.Reason = broadcast.Unavailable
	}
	s.buffer = appendStreamID(s.buffer[:0], position)
	s.buffer = httpapi.AppendText(append(s.buffer, "event: dropped\ndata: {\"reason\":"...), string(dropped.Reason))
	s.buffer = strconv.AppendInt(append(s.buffer, `,"resume_after":`...), position, 10)
	s.buffer = append(s.buffer, "}\n\n"...)
	_ = s.flush() // it is the last word anyway
	return dropped.Reason
}

func appendStreamID(dst []byte, position int64) []byte {
	return append(strconv.AppendInt(append(dst, "id: "...), position, 10), '\n')
}

// PublicEvent is an event as streams tell it to those who may not see who caused it: its type, and its data.
func PublicEvent(n *readmodel.News) (kind string, data []byte) {
	if n.Withheld {
		return eventWithheld, append(appendWithheld(nil, &n.TimelineRow), '}')
	}
	return n.Type, appendRow(nil, &n.TimelineRow)
}

// eventWithheld is the type of an event whose row there is not.
const eventWithheld = "withheld"

// encodeNews writes an event but for its end, which differs between those it is sent to.
func encodeNews(n *readmodel.News) []byte {
	kind := n.Type
	if n.Withheld {
		kind = eventWithheld
	}
	dst := appendStreamID(make([]byte, 0, 512), n.Position)
	dst = append(append(append(dst, "event: "...), kind...), "\ndata: "...)
	if n.Withheld {
		return appendWithheld(dst, &n.TimelineRow)
	}
	dst = appendRow(dst, &n.TimelineRow)
	return dst[:len(dst)-1]
}

func appendWithheld(dst []byte, r *readmodel.TimelineRow) []byte {
	dst = httpapi.AppendID(append(dst, `{"account_id":"`...), r.AccountID)
	dst = strconv.AppendInt(append(dst, `","type":"withheld","version":`...), r.Version, 10)
	dst = strconv.AppendInt(append(dst, `,"position":`...), r.Position, 10)
	dst = httpapi.AppendID(append(dst, `,"event_id":"`...), r.EventID)
	dst = appendTime(append(dst, `","effective_at":`...), r.EffectiveAt)
	return appendTime(append(dst, `,"recorded_at":`...), r.RecordedAt)
}

// appendLogMetadata adds who caused the event. A line's end within would end the event.
func appendLogMetadata(dst []byte, n *readmodel.News) []byte {
	dst = append(dst, `,"event_metadata":`...)
	for _, b := range object(n.LogMetadata) {
		if b != '\n' && b != '\r' {
			dst = append(dst, b)
		}
	}
	return dst
}
