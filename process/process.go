package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
	"passbook/domain/payment"
	"passbook/eventstore"
	"passbook/internal/lease"
	"passbook/internal/supervise"
)

// LeaseName is what the leader leads.
const LeaseName = "process"

// Config is how the process works. Zero values mean the defaults.
type Config struct {
	Policy         payment.Policy
	Concurrency    int           // steps under way at once; 32
	GatewayTimeout time.Duration // of one contact; 5 s
	CommandTimeout time.Duration // of one command; 15 s
	Poll           time.Duration // between two looks at the log when nothing wakes the process; 1 s
	LookMin        time.Duration // between two looks at least, however much is committed; 20 ms
}

// DefaultPolicy is patient enough for a gateway that is restarted, and quick enough to be watched.
func DefaultPolicy() payment.Policy {
	return payment.Policy{
		StatusAfter: 10 * time.Second, StatusEvery: 30 * time.Second, BackoffFirst: time.Second, BackoffMax: time.Minute,
		StuckAfter: 8, Grace: 10 * time.Second,
	}
}

func (c Config) withDefaults() Config {
	set := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	if c.Policy == (payment.Policy{}) {
		c.Policy = DefaultPolicy()
	}
	if c.Concurrency <= 0 {
		c.Concurrency = 32
	}
	set(&c.GatewayTimeout, 5*time.Second)
	set(&c.CommandTimeout, 15*time.Second)
	set(&c.Poll, time.Second)
	set(&c.LookMin, 20*time.Millisecond)
	return c
}

// Executor decides commands: *command.Processor.
type Executor interface {
	Execute(ctx context.Context, request command.Request) (command.Answer, error)
}

// Gateway carries payments to other banks. It knows a payment by its id: whatever is repeated is the same payment. An error says
// nothing of what it did.
type Gateway interface {
	Submit(ctx context.Context, in payment.Instruction) (payment.Answer, error)
	Status(ctx context.Context, id uuid.UUID) (payment.Answer, error)
}

// ErrNoGateway means that the process was not given one.
var ErrNoGateway = errors.New("no gateway is connected")

// NoGateway is the gateway of a bank that has none: payments get stuck and time out.
type NoGateway struct{}

// Submit returns ErrNoGateway.
func (NoGateway) Submit(context.Context, payment.Instruction) (payment.Answer, error) {
	return payment.Answer{}, ErrNoGateway
}

// Status returns ErrNoGateway.
func (NoGateway) Status(context.Context, uuid.UUID) (payment.Answer, error) {
	return payment.Answer{}, ErrNoGateway
}

// Decode reads a stored event as one of the domain.
type Decode func(stored eventstore.Event) (any, error)

// Leader calls lead while this process leads: *lease.Lease.
type Leader interface {
	Run(ctx context.Context, lead lease.Lead) error
}

// Process is one process's stake in the work. See the package comment.
type Process struct {
	config  Config
	rows    rows
	leader  Leader
	bank    Executor
	gateway Gateway
	decode  Decode
	log     *slog.Logger
	metrics *metrics

	wake chan struct{}
}

// New makes a process; Run makes it work.
func New(pool *pgxpool.Pool, leader Leader, bank Executor, gateway Gateway, decode Decode, config Config, log *slog.Logger, registerer prometheus.Registerer) *Process {
	return &Process{
		config: config.withDefaults(), rows: &table{pool: pool}, leader: leader, bank: bank, gateway: gateway, decode: decode,
		log: log.With("part", "process"), metrics: newMetrics(registerer), wake: make(chan struct{}, 1),
	}
}

// Notify says that the log has grown. It never blocks.
func (p *Process) Notify() {
	select {
	case p.wake <- struct{}{}:
	default: // a look is due anyway
	}
}

// Run competes for the lease and works while it leads, until ctx is done.
func (p *Process) Run(ctx context.Context) error { return p.leader.Run(ctx, p.lead) }

// Pauses after a failure of the database, or an event that cannot be read.
const (
	pauseFirst = 200 * time.Millisecond
	pauseMax   = 10 * time.Second
)

// errUnreadable means that the log has an event that this program cannot read.
var errUnreadable = errors.New("an event of the log cannot be read")

// lead works until ctx is done, session after session. It ends when a later leader has taken the checkpoint, and at an event that
// it cannot read: most likely a newer program wrote it, which may have the lease.
func (p *Process) lead(ctx context.Context, epoch int64) error {
	p.metrics.leader.Set(1)
	defer p.metrics.stepDown()
	for pause := pauseFirst; ctx.Err() == nil; pause = min(2*pause, pauseMax) {
		began := time.Now()
		err := p.session(ctx, epoch)
		if ctx.Err() != nil {
			return nil
		}
		p.metrics.errors.Inc()
		if errors.Is(err, errFenced) || errors.Is(err, errUnreadable) {
			return err
		}
		p.log.ErrorContext(ctx, "interrupted, resuming from the checkpoint", "pause", pause, slog.Any("error", err))
		if time.Since(began) > pauseMax {
			pause = pauseFirst
		}
		supervise.Wait(ctx, pause)
	}
	return nil
}

// session works from the checkpoint on, until something fails.
func (p *Process) session(ctx context.Context, epoch int64) error {
	position, err := p.rows.claim(ctx, epoch)
	if err != nil {
		return err
	}
	w := &work{Process: p, epoch: epoch, position: position, noted: position, atWork: map[uuid.UUID]bool{}, asked: map[uuid.UUID]bool{},
		results: make(chan result, p.config.Concurrency)}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		w.hands.Wait()
	}()
	return w.run(ctx)
}

// ErrUnknownPayment means that an answer is about no payment of this bank.
var ErrUnknownPayment = errors.New("no such payment")

// Answer takes what the gateway says by itself. nil means that it is on record, or needs not be.
func (p *Process) Answer(ctx context.Context, a payment.Answer) error {
	c := a.Command()
	if c == nil {
		return nil
	}
	requested, err := p.requested(ctx, a.PaymentID)
	if err != nil {
		return err
	}
	p.metrics.answers.WithLabelValues(string(a.Kind)).Inc()
	return p.command(ctx, requested.PaymentID, requested.AccountID, heardVersion, c, 0)
}

// heardVersion stands for a version in the keys of commands that answers lead to by themselves: which one the payment has is not
// known. What is said again has the same key, and need not be decided again: an outcome stands.
const heardVersion = 0

func (p *Process) requested(ctx context.Context, id uuid.UUID) (payment.Requested, error) {
	events, err := p.rows.stream(ctx, id, 1, maxPosition)
	if err != nil {
		return payment.Requested{}, err
	}
	if len(events) == 1 && events[0].StreamType == payment.StreamType {
		e, err := p.decode(events[0])
		if err != nil {
			return payment.Requested{}, err
		}
		if requested, ok := e.(payment.Requested); ok {
			return requested, nil
		}
	}
	return payment.Requested{}, fmt.Errorf("%w: %s", ErrUnknownPayment, id)
}
