package command

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"passbook/eventstore"
	"passbook/internal/eventcodec"
)

// Config bounds a Processor. Zero values mean the defaults.
type Config struct {
	QueueMax       int           // commands waiting; 8192
	QueueAge       time.Duration // the longest a command waits before it is refused instead; 2 s
	QueueDelay     time.Duration // what commands may wait under a load that lasts before some are refused; 50 ms
	BatchMax       int           // commands in one transaction; 1024
	CacheBytes     int64         // accounts held in memory, about; 256 MiB
	SnapshotEvery  int64         // events of an account between two snapshots; 200; negative: none are taken
	CatchUpMax     int64         // events by others that are read into the picture before it is dropped instead; 20,000
	WriteTimeout   time.Duration // of one attempt to write; 10 s
	ResolveTimeout time.Duration // of all attempts, before callers get ErrUnavailable; 15 s

	Approvals Approvals // what one person does not suffice for; nothing
}

func (c Config) withDefaults() Config {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set64 := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.QueueMax, 8192)
	set(&c.BatchMax, 1024)
	set64(&c.CacheBytes, 256<<20)
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 200
	}
	set64(&c.CatchUpMax, 20_000)
	set64((*int64)(&c.Approvals.Expiry), int64(72*time.Hour))
	set64((*int64)(&c.QueueAge), int64(2*time.Second))
	set64((*int64)(&c.QueueDelay), int64(50*time.Millisecond))
	set64((*int64)(&c.WriteTimeout), int64(10*time.Second))
	set64((*int64)(&c.ResolveTimeout), int64(15*time.Second))
	return c
}

// Processor decides and commits commands. Any number of processors may work on one database. See the package comment.
type Processor struct {
	config   Config
	store    Log
	appender eventstore.Appender
	codec    *eventcodec.Codec
	render   Renderer
	log      *slog.Logger
	metrics  *metrics
	inflight *inflight
	picture  *picture
	snaps    *snapshotter
	notify   func()

	queue *queue
	doors *admission
	away  away
	gate  sync.RWMutex // held for writing once, to close
	shut  bool

	// What follows is the deciding goroutine's own: see pipeline.go.
	open         *batch              // being decided; nil unless a batch is in flight
	flights      []*flight           // on their way, the oldest first
	spares       []*eventstore.Batch // whose memory can be used again
	landed       chan *flight
	exclusiveFor int // batches that still go the exclusive way after a collision
}

// Log is what the processor needs of the event store.
type Log interface {
	Appender(timeout time.Duration) eventstore.Appender
	Exclusive(ctx context.Context, fn func(context.Context, *eventstore.Session) error) error
	Load(ctx context.Context, ids []uuid.UUID, fold string, into eventstore.Loader) error
	Answers(ctx context.Context, keys []eventstore.Key) (map[eventstore.Key]eventstore.Answer, error)
	SaveSnapshots(ctx context.Context, snapshots []eventstore.Snapshot) error
}

// New makes a processor; Run makes it work. notify is called after each commit that appended events and must not block; it
// may be nil.
func New(store Log, config Config, render Renderer, notify func(), log *slog.Logger, registerer prometheus.Registerer) (*Processor, error) {
	config = config.withDefaults()
	codec, err := eventcodec.New()
	if err != nil {
		return nil, err
	}
	known, err := newPicture(config.CacheBytes)
	if err != nil {
		return nil, err
	}
	if notify == nil {
		notify = func() {}
	}
	p := &Processor{
		config: config, store: store, codec: codec, render: render, log: log, notify: notify,
		inflight: newInflight(), picture: known, snaps: newSnapshotter(store, config.SnapshotEvery, log),
		queue: newQueue(config.QueueMax, config.QueueAge), doors: newAdmission(config.QueueDelay), landed: make(chan *flight, flightsMax),
		away: away{home: make(chan struct{}, 1)},
	}
	p.metrics = newMetrics(registerer, func() float64 { return float64(p.queue.depth()) })
	return p, nil
}

// item is one command on its way.
type item struct {
	ctx      context.Context
	request  Request
	queued   time.Time
	metadata []byte
	done     chan struct{} // closed when answer and err are set

	// Of a command that another instance took from its caller:
	from   Answerer // who is told, in place of done
	id     uint64
	waited time.Duration // there

	uncertain bool // another instance may decide it, too

	group []*item // of commands that stand together or not at all; nil for a single one

	answer Answer
	err    error
}

// Execute queues the command and waits for its answer. An error other than the package's own is a fault of the server.
//
// When ctx ends first, Execute returns its error; a command already in a batch is committed all the same, and its key then
// has its answer.
func (p *Processor) Execute(ctx context.Context, request Request) (Answer, error) {
	pending, err := p.Begin(ctx, request)
	if err != nil {
		return Answer{}, err
	}
	return pending.Wait(ctx)
}

// Admits returns ErrOverloaded when a command of the caller would be refused right now. It is for refusing before any work is
// done for the command: nil promises nothing.
func (p *Processor) Admits(caller string) error {
	if p.doors.closed(caller) {
		p.metrics.overloaded.Inc()
		return ErrOverloaded
	}
	return nil
}

func newItem(ctx context.Context, request Request) *item {
	metadata := eventstore.Metadata{
		Actor: request.Actor, CorrelationID: request.RequestID, CausationID: request.CausationID, IdempotencyKey: request.Key,
		Traceparent: request.Traceparent, Client: request.Client, UserAgent: request.UserAgent, Address: request.Address,
	}
	return &item{ctx: ctx, request: request, metadata: metadata.AppendJSON(make([]byte, 0, 384)), done: make(chan struct{})}
}

func (p *Processor) enqueue(it *item) error {
	p.gate.RLock()
	defer p.gate.RUnlock()
	if p.shut {
		return ErrStopping
	}
	if !p.doors.enter(it.request.Caller) {
		p.metrics.overloaded.Inc()
		return ErrOverloaded
	}
	dropped, err := p.queue.put(it)
	if dropped != nil {
		p.refuse(dropped)
	}
	if err != nil {
		p.doors.leave(it.request.Caller)
		p.metrics.overloaded.Inc()
	}
	return err
}

// Run decides and commits until ctx is done, then finishes what is queued and returns nil.
func (p *Processor) Run(ctx context.Context) error {
	var parts errgroup.Group
	snapshotting, stop := context.WithCancel(context.WithoutCancel(ctx))
	parts.Go(func() error { return p.snaps.run(snapshotting) })
	p.appender = p.store.Appender(p.config.WriteTimeout)
	p.work(ctx)
	p.appender.Close()
	stop()
	return parts.Wait()
}

// finish tells the caller of a command what became of it.
func (p *Processor) finish(it *item, answer Answer, err error) {
	p.conclude(it, answer, err)
	if it.from != nil {
		it.from.Flush()
	}
}

// conclude is finish for one of many commands: their senders are to be flushed afterwards.
func (p *Processor) conclude(it *item, answer Answer, err error) {
	p.doors.leave(it.request.Caller)
	p.releaseKeys(it)
	if it.from != nil {
		it.from.Answer(it.id, answer, err)
		return
	}
	it.answer, it.err = answer, err
	close(it.done)
}
