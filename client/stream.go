package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// StreamParams say what is followed, and from where.
type StreamParams struct {
	AccountID uuid.UUID // zero: all accounts that the caller may see
	After     uint64    // the position behind which the stream begins; zero: it begins now
	Beginning bool      // it begins with the first event of the log
}

// StreamEvent is one thing that happened on an account.
type StreamEvent struct {
	Position uint64          // goes into StreamParams.After, to go on behind this event
	Type     string          // that of the row, or "withheld": the read models cannot show the event
	Row      TimelineRow     // of a withheld one only what Data has
	Data     json.RawMessage // all that was told, also what this version of the client has no field for
}

// ErrLogRestored ends a stream: the bank's log was restored to an earlier state, and what was told last may never have happened. Read anew.
var ErrLogRestored = errors.New("the bank's log was restored")

const (
	// silenceMax is three missed heartbeats: the connection is dead, whatever it says.
	silenceMax = 45 * time.Second
	// eventMax is the longest line of a stream.
	eventMax = 1 << 20
)

// Stream follows what happens on accounts: each event once, in the order of the log. When it is cut or ended by the bank it connects again and goes on behind the last
// event, as long as Retry.Patience allows without anything coming. It ends with an error, the last thing that it yields: the context's, a *Problem that will not
// pass, ErrPatience or ErrLogRestored; or when the loop over it is left.
func (c *Client) Stream(ctx context.Context, params StreamParams) iter.Seq2[StreamEvent, error] {
	return func(yield func(StreamEvent, error) bool) {
		s := &stream{client: c, params: params, patience: c.newPatience()}
		for {
			s.patience.tries++
			err := s.follow(ctx, yield)
			if errors.Is(err, errLeft) {
				return
			}
			if mayPass(err) {
				err = s.patience.wait(ctx, err)
			}
			if err != nil {
				yield(StreamEvent{}, fmt.Errorf("stream: %w", err))
				return
			}
		}
	}
}

var errLeft = errors.New("the loop was left")

// stream is one that is followed over any number of connections.
type stream struct {
	client   *Client
	params   StreamParams
	lastID   string
	patience *patience
}

// follow connects once and yields what comes, until the connection ends.
func (s *stream) follow(ctx context.Context, yield func(StreamEvent, error) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := s.call()
	if err != nil {
		return &final{err}
	}
	connect := *s.client.options.HTTP
	connect.Timeout = 0 // a stream lasts
	silence := time.AfterFunc(silenceMax, cancel)
	defer silence.Stop()
	answer, err := s.client.open(ctx, call, &connect)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, eventMax)
	var block eventBlock
	for lines.Scan() {
		silence.Reset(silenceMax)
		if lines.Text() != "" {
			block.add(lines.Text())
			continue
		}
		if err := s.dispatch(block, yield); err != nil {
			return err
		}
		block = eventBlock{}
	}
	return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}

func (s *stream) call() (*call, error) {
	r := request{api: queries, method: http.MethodGet, path: "/v1/stream", query: queryOf("account_id", s.params.AccountID)}
	switch {
	case s.lastID != "": // below
	case s.params.Beginning:
		r.query.Set("after", "0")
	case s.params.After > 0:
		r.query.Set("after", strconv.FormatUint(s.params.After, 10))
	}
	call, err := s.client.prepare(r, nil)
	if err != nil {
		return nil, err
	}
	call.header.Set("Accept", "text/event-stream, application/problem+json")
	if s.lastID != "" {
		call.header.Set("Last-Event-ID", s.lastID)
	}
	return call, nil
}

// eventBlock is the lines up to an empty one.
type eventBlock struct{ id, event, data string }

func (b *eventBlock) add(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "id":
		b.id = value
	case "event":
		b.event = value
	case "data":
		if b.data != "" {
			b.data += "\n"
		}
		b.data += value
	}
}

// dispatch deals with what was received whole. A heartbeat is an id without data.
func (s *stream) dispatch(b eventBlock, yield func(StreamEvent, error) bool) error {
	if b.id != "" {
		s.lastID = b.id
		s.patience = s.client.newPatience()
	}
	switch {
	case b.event == "dropped":
		return dropped(b.data)
	case b.data == "":
		return nil
	}
	event := StreamEvent{Type: b.event, Data: json.RawMessage(b.data)}
	position, err := strconv.ParseUint(b.id, 10, 64)
	if err == nil {
		event.Position = position
		err = json.Unmarshal(event.Data, &event.Row)
	}
	if err != nil {
		return &final{fmt.Errorf("unreadable event %s: %w", b.id, err)}
	}
	if !yield(event, nil) {
		return errLeft
	}
	return nil
}

// dropped is why the bank ended the stream.
func dropped(data string) error {
	var reason struct{ Reason string }
	if err := json.Unmarshal([]byte(data), &reason); err != nil {
		return fmt.Errorf("the bank ended the stream: %w", err)
	}
	if reason.Reason == "log_restored" {
		return &final{ErrLogRestored}
	}
	return fmt.Errorf("the bank ended the stream: %s", reason.Reason)
}
