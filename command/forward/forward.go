package forward

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"passbook/command"
	"passbook/internal/lease"
)

// LeaseName is what the decider leads.
const LeaseName = "decider"

// Limits of what is on its way.
const (
	messageMax   = 256 << 10 // bytes of the commands in one message
	messageShare = 2         // a message waits until it has half as many commands as are on their way already
	answersMax   = 64 << 10  // likewise, of answers
	messagesMax  = 16        // sent by one instance and not answered
	commandsMax  = 4096      // likewise; a place in a message has 16 bits
	sessionsMax  = 1024      // of one decider; the next one begins a new epoch
)

const (
	lookInterval = 500 * time.Millisecond // between two looks at who the decider is
	lookMax      = 2 * time.Second
	heartbeat    = 250 * time.Millisecond
	stalled      = heartbeat / 2    // since the last message: then the next one does not wait for more commands
	silenceMax   = 4 * heartbeat    // then the decider is taken for gone
	answerMax    = 30 * time.Second // for one command, though the decider is heard of
	sulk         = time.Second      // before a decider that failed is tried again
	awayMax      = 3 * time.Second  // a decider that has lost NATS for so long lets others try
	lingerMax    = time.Minute      // a former decider still says that it is none
)

// Processor is what decides here, and what sends its commands elsewhere.
type Processor interface {
	Accept(commands []command.Inbound, from command.Answerer)
	Answered(results []command.Result)
	TakeBack(commands []*command.Outbound, cause command.Cause)
}

// Lease elects the decider, and tells the others of it what they alone may know.
type Lease interface {
	Run(ctx context.Context, lead lease.Lead) error
	Announce(ctx context.Context, epoch int64, note []byte) error
	Announcement(ctx context.Context) (epoch int64, note []byte, err error)
}

// Forwarder brings commands to the decider, or is it. It implements command.Elsewhere. See the package comment.
type Forwarder struct {
	conn      *nats.Conn
	lease     Lease
	processor Processor
	log       *slog.Logger

	leading atomic.Bool
	look    chan struct{} // has a token when it is time to look who the decider is
	changed chan struct{} // of command.Elsewhere

	mu       sync.Mutex // of what follows; never held while the processor is called
	current  *session   // to which commands are sent; nil when there is none
	sessions []*session // with commands that are not answered, and the current one
	blocked  bool       // Room said 0
	shunned  int64      // the epoch that is left alone until
	until    time.Time
	offices  []*office // of this instance: the present one and former ones that linger
}

// New makes a forwarder. Compete makes it the decider where it can, Run makes the rest work. The connection is used until Run
// has returned, and stays the caller's to close.
func New(conn *nats.Conn, stake Lease, processor Processor, log *slog.Logger, registerer prometheus.Registerer) *Forwarder {
	f := &Forwarder{
		conn: conn, lease: stake, processor: processor, log: log.With("part", "forward"),
		look: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
	registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "passbook_command_deciding", Help: "1 while this instance is the one that decides for all.",
	}, func() float64 {
		if f.leading.Load() {
			return 1
		}
		return 0
	}))
	return f
}

// Run looks who the decider is, carries answers and watches for silence, until ctx is done. It must be told to stop after the
// processor has stopped, which may wait for answers.
func (f *Forwarder) Run(ctx context.Context) error {
	var parts errgroup.Group
	parts.Go(func() error { return f.follow(ctx) })
	parts.Go(func() error { return f.tend(ctx) })
	err := parts.Wait()
	f.leave()
	return err
}

// tend looks regularly at who waits for long, and at who has been silent.
func (f *Forwarder) tend(ctx context.Context) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			f.beat(now)
			f.watch(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// leave ends what is open, when the processor has ended.
func (f *Forwarder) leave() {
	f.mu.Lock()
	offices, sessions := f.offices, slices.Clone(f.sessions) // dropping one takes it out
	f.offices = nil
	f.mu.Unlock()
	for _, o := range offices {
		o.unsubscribe()
	}
	for _, s := range sessions {
		f.drop(s, command.Lost)
	}
}

// Compete makes this instance the decider whenever there is none and NATS is there, until ctx is done: then others may be it
// before this instance has stopped.
func (f *Forwarder) Compete(ctx context.Context) error {
	for f.awaitConnection(ctx) {
		attempt, cancel := context.WithCancel(ctx)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			f.awaitLoss(attempt)
			cancel()
		}()
		err := f.lease.Run(attempt, f.lead)
		cancel()
		<-watched
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitConnection returns false when ctx is done.
func (f *Forwarder) awaitConnection(ctx context.Context) bool {
	f.poll(ctx, func() bool { return f.conn.IsConnected() })
	return ctx.Err() == nil
}

// awaitLoss returns when NATS has been away for too long.
func (f *Forwarder) awaitLoss(ctx context.Context) {
	there := time.Now()
	f.poll(ctx, func() bool {
		if f.conn.IsConnected() {
			there = time.Now()
		}
		return time.Since(there) > awayMax
	})
}

func (f *Forwarder) poll(ctx context.Context, until func() bool) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for !until() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// payloadMax is how much content fits into a message.
func (f *Forwarder) payloadMax() int {
	return min(messageMax, int(f.conn.MaxPayload())-sealGrowth)
}

func kick(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

var errFull = errors.New("more sessions than one epoch takes")
