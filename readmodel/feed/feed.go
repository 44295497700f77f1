package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passbook/eventstore/relay/cloudevent"
	"passbook/readmodel"
)

// ErrForeign means that the stream is not of this log.
var ErrForeign = errors.New("the stream is not of this log")

// ErrAway means that there is no connection to the broker at present.
var ErrAway = errors.New("broker away")

// Config has working defaults: see DefaultConfig.
type Config struct {
	Buffer    int           // messages fetched ahead of the projection
	AckWait   time.Duration // what is not acknowledged by then is delivered again
	Heartbeat time.Duration // a server silent for twice as long is taken for dead
	Timeout   time.Duration // of one request to the server
}

// DefaultConfig is for the projections of one bank.
func DefaultConfig() Config {
	return Config{Buffer: 10_000, AckWait: 30 * time.Second, Heartbeat: time.Second, Timeout: 2 * time.Second}
}

// heartbeatsPerPull: a pull is renewed after so many heartbeats.
const heartbeatsPerPull = 10

// Validate lists every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.Buffer <= 0 {
		faults = append(faults, fmt.Errorf("feed: buffer %d is not positive", c.Buffer))
	}
	if c.AckWait <= 0 || c.Timeout <= 0 {
		faults = append(faults, fmt.Errorf("feed: ack wait %s and timeout %s must be positive", c.AckWait, c.Timeout))
	}
	if c.Heartbeat < 500*time.Millisecond || c.Heartbeat > 30*time.Second {
		faults = append(faults, fmt.Errorf("feed: heartbeat %s is not 500ms to 30s", c.Heartbeat))
	}
	return errors.Join(faults...)
}

// Feed is a readmodel.Source. It is safe for concurrent use.
type Feed struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	events readmodel.Log
	config Config
	log    *slog.Logger
}

// New returns a feed over the connection, which stays the caller's to close.
func New(conn *nats.Conn, events readmodel.Log, config Config, log *slog.Logger) (*Feed, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(config.Timeout))
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return &Feed{conn: conn, js: js, events: events, config: config, log: log}, nil
}

// Subscribe implements readmodel.Source. While the broker is away it fails at once: the caller has better to do than wait.
func (f *Feed) Subscribe(ctx context.Context, consumer string, after int64) (readmodel.Subscription, error) {
	if !f.conn.IsConnected() {
		return nil, ErrAway
	}
	stream, err := f.js.Stream(ctx, cloudevent.Stream)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", cloudevent.Stream, err)
	}
	start, err := f.startSequence(ctx, stream, after)
	if err != nil {
		return nil, err
	}
	durable, err := f.consumer(ctx, stream, consumer, start)
	if err != nil {
		return nil, err
	}
	return f.open(durable)
}

// startSequence is where the event after the position stands in the stream, or would stand.
func (f *Feed) startSequence(ctx context.Context, stream jetstream.Stream, after int64) (uint64, error) {
	state := stream.CachedInfo().State
	if state.Msgs == 0 {
		return state.LastSeq + 1, nil
	}
	last, err := stream.GetLastMsgForSubject(ctx, cloudevent.Subjects)
	if errors.Is(err, jetstream.ErrMsgNotFound) { // expired or purged since
		return state.LastSeq + 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the last message: %w", err)
	}
	position, err := strconv.ParseInt(last.Header.Get(cloudevent.HeaderPosition), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("message %d has no position: %w", last.Sequence, ErrForeign)
	}
	if err := f.sameHistory(ctx, position, last.Header.Get(jetstream.MsgIDHeader)); err != nil {
		return 0, err
	}
	// One message an event: positions and sequences count together. Where an event was left out of the stream this is a
	// little early, which repeats, or a little late, which the log makes good.
	back := position - after
	return max(state.FirstSeq, uint64(max(0, int64(last.Sequence)-back))+1), nil //nolint:gosec // JetStream counts from one, and max keeps the rest above zero
}

func (f *Feed) sameHistory(ctx context.Context, position int64, id string) error {
	events, err := f.events.ReadLog(ctx, position-1, 1)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return fmt.Errorf("its last message has position %d, past the end of the log: %w", position, ErrForeign)
	}
	if events[0].ID.String() != id {
		return fmt.Errorf("event %d is %s in the log and %s in the stream: %w", position, events[0].ID, id, ErrForeign)
	}
	return nil
}

// consumer returns the durable consumer, made anew unless it stands where it should.
func (f *Feed) consumer(ctx context.Context, stream jetstream.Stream, name string, start uint64) (jetstream.Consumer, error) {
	existing, err := stream.Consumer(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
	case err != nil:
		return nil, fmt.Errorf("look up consumer %s: %w", name, err)
	case f.standsAt(existing.CachedInfo(), start):
		return existing, nil
	default:
		if err := stream.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, fmt.Errorf("replace consumer %s: %w", name, err)
		}
	}
	durable, err := stream.CreateConsumer(ctx, f.consumerConfig(name, start))
	if err != nil {
		return nil, fmt.Errorf("make consumer %s: %w", name, err)
	}
	return durable, nil
}

// standsAt reports whether the consumer will deliver the message at start soon: it stands there, or what it would repeat
// before is less than one buffer, which is cheaper than a new consumer.
func (f *Feed) standsAt(info *jetstream.ConsumerInfo, start uint64) bool {
	next := info.AckFloor.Stream + 1
	return next <= start && start-next <= uint64(f.config.Buffer) && info.Config.AckPolicy == jetstream.AckAllPolicy && //nolint:gosec // a configured size above zero
		info.Config.MaxAckPending == f.maxAckPending() && info.Config.AckWait == f.config.AckWait
}

func (f *Feed) consumerConfig(name string, start uint64) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       name,
		Description:   "A projection of the bank. Its place is a convenience: the projection's checkpoint decides.",
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   start,
		AckPolicy:     jetstream.AckAllPolicy,
		AckWait:       f.config.AckWait,
		MaxAckPending: f.maxAckPending(),

		InactiveThreshold: consumerIdleMax,
	}
}

// consumerIdleMax is how long a consumer outlives its process: long enough for a restart, and no more, because a process that
// is gone for good has left it for nothing.
const consumerIdleMax = 10 * time.Minute

// maxAckPending leaves room for what is buffered here, in the client, and in the batch being applied: a consumer that waits
// for an acknowledgement while the projection waits for a message would stand still for ever.
func (f *Feed) maxAckPending() int { return 4 * f.config.Buffer }
