package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/supervise"
	"passbook/readmodel"
)

// Source is where news come from: readmodel.Queries.
type Source interface {
	News(ctx context.Context, filter readmodel.NewsFilter, after int64) (readmodel.NewsPage, error)
	Reached(ctx context.Context) (reached, head int64, err error)
}

// Config bounds a broadcast. What is zero gets the default named beside it.
type Config struct {
	ListenersMax       int           // at a time; 10,000
	ListenersPerCaller int           // of them those of one caller; 100
	Queue              int           // events that wait for a listener that is live; 1,024
	SlowAfter          time.Duration // that a listener takes nothing while its queue overflows, and it is slow; 2 s
	Kept               int           // events that are kept for those who come back; 4,096
	Poll               time.Duration // how often is looked for what is new; 20 ms
	Pause              time.Duration // after an error of the database; 1 s
	Log                *slog.Logger
	Metrics            prometheus.Registerer
}

func (c *Config) setDefaults() {
	for _, d := range []struct {
		field    *int
		fallback int
	}{{&c.ListenersMax, 10_000}, {&c.ListenersPerCaller, 100}, {&c.Queue, 1_024}, {&c.Kept, 4_096}} {
		if *d.field == 0 {
			*d.field = d.fallback
		}
	}
	for _, d := range []struct {
		field    *time.Duration
		fallback time.Duration
	}{{&c.Poll, 20 * time.Millisecond}, {&c.Pause, time.Second}, {&c.SlowAfter, 2 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.fallback
		}
	}
}

// Broadcast tells listeners what happens. See the package comment.
type Broadcast struct {
	source  Source
	cfg     Config
	metrics metrics
	wake    chan struct{} // somebody listens

	mu        sync.Mutex
	listeners map[*Listener]struct{}
	callers   map[string]int // listeners, by caller
	following bool           // position is known
	known     chan struct{}  // closed when it becomes so
	position  int64          // everything up to here was told
	kept      []*Message     // the last that were told, in order
	keptFrom  int64          // everything between here and position is among them

	all       map[*Listener]struct{} // live ones, by what they asked for
	byAccount map[uuid.UUID]map[*Listener]struct{}
	byOwner   map[string]map[*Listener]struct{}
}

// New makes a broadcast. It does nothing before Run.
func New(source Source, cfg Config) (*Broadcast, error) {
	cfg.setDefaults()
	b := &Broadcast{
		source: source, cfg: cfg, wake: make(chan struct{}, 1), listeners: map[*Listener]struct{}{}, callers: map[string]int{}, known: make(chan struct{}),
		all: map[*Listener]struct{}{}, byAccount: map[uuid.UUID]map[*Listener]struct{}{}, byOwner: map[string]map[*Listener]struct{}{},
	}
	var err error
	if b.metrics, err = newMetrics(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("register metrics of the broadcast: %w", err)
	}
	return b, nil
}

// Run follows the log while somebody listens, until ctx is done. It always returns nil.
func (b *Broadcast) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		if b.rest() {
			select {
			case <-b.wake:
			case <-ctx.Done():
			}
			continue
		}
		more, err := b.follow(ctx)
		if (err != nil) != failing && ctx.Err() == nil {
			failing = err != nil
			b.cfg.Log.Warn("broadcast", "failing", failing, "error", err) // once, not with each attempt
		}
		switch {
		case err != nil:
			supervise.Wait(ctx, b.cfg.Pause)
		case !more:
			supervise.Wait(ctx, b.cfg.Poll)
		}
	}
	return nil
}

// rest forgets the position while nobody listens: what happens meanwhile need not be read.
func (b *Broadcast) rest() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.listeners) > 0 {
		return false
	}
	if b.following {
		b.following, b.known, b.kept = false, make(chan struct{}), nil
	}
	return true
}

// follow tells a page of news, and whether there are more.
func (b *Broadcast) follow(ctx context.Context) (more bool, err error) {
	b.mu.Lock()
	position, following := b.position, b.following
	b.mu.Unlock()
	if !following {
		reached, _, err := b.source.Reached(ctx)
		if err == nil {
			b.begin(reached)
		}
		return true, err
	}
	page, err := b.source.News(ctx, readmodel.NewsFilter{}, position)
	if err != nil {
		return false, err
	}
	if page.Head < position {
		b.cfg.Log.Error("the log ends before what was told: it was restored", "told", position, "head", page.Head)
		b.startOver(page.Reached)
		return false, nil
	}
	b.tell(page)
	return len(page.News) == readmodel.NewsPageMax, nil
}

func (b *Broadcast) begin(position int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.position, b.keptFrom, b.following = position, position, true
	close(b.known)
}

// startOver drops everybody: of what they were told, nobody knows what still holds.
func (b *Broadcast) startOver(position int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		l.position = min(l.position, position)
		b.drop(l, LogRestored)
	}
	b.position, b.keptFrom, b.kept = position, position, nil
}

// tell hands out a page, and keeps it.
func (b *Broadcast) tell(page readmodel.NewsPage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range page.News {
		m := &Message{News: &page.News[i]}
		for l := range b.all {
			b.push(l, m)
		}
		for l := range b.byAccount[m.News.AccountID] {
			b.push(l, m)
		}
		for l := range b.byOwner[m.News.OwnerID] {
			b.push(l, m)
		}
		b.kept = append(b.kept, m)
	}
	if surplus := len(b.kept) - b.cfg.Kept; surplus > 0 {
		b.keptFrom = b.kept[surplus-1].News.Position
		rest := copy(b.kept, b.kept[surplus:])
		clear(b.kept[rest:])
		b.kept = b.kept[:rest]
	}
	b.position = page.Through
	b.metrics.position.Set(float64(b.position))
}

// push queues a message. Who has no room for it has to read by itself, from where it was.
func (b *Broadcast) push(l *Listener, m *Message) {
	switch {
	case m.News.Position <= l.position: // another process has told it
	case len(l.queue) >= b.cfg.Queue:
		b.leave(l)
		l.live, l.overflowed, l.queue = false, true, nil
		b.metrics.behind.Inc()
		l.rouse()
	default:
		l.queue = append(l.queue, m)
		l.rouse()
	}
}

// drop ends a listener for a reason.
func (b *Broadcast) drop(l *Listener, reason Reason) {
	b.leave(l)
	l.queue, l.dropped = nil, reason
	l.rouse()
}

// ErrAhead means that a listener wants to go on behind the end of the log: the position is not of this log, or of what it was
// before it was restored.
var ErrAhead = errors.New("the position is behind the end of the log")

// ErrTooMany means that a limit is reached.
type ErrTooMany struct {
	Limit string // "listeners" or "listeners of the caller"
	Max   int
}

func (e ErrTooMany) Error() string { return fmt.Sprintf("more than %d %s", e.Max, e.Limit) }

// OfCaller tells whether the limit is the caller's own.
func (e ErrTooMany) OfCaller() bool { return e.Limit == limitOfCaller }

const (
	limitOfAll    = "listeners"
	limitOfCaller = "listeners of the caller"
)

// FromNow is the position of who wants to hear only of what is to come.
const FromNow int64 = -1

// Listen lets a caller hear what the filter picks, after a position. Errors are ErrTooMany, ErrAhead, that of ctx or the
// database's. The listener must be closed.
func (b *Broadcast) Listen(ctx context.Context, caller string, filter readmodel.NewsFilter, after int64) (*Listener, error) {
	l := &Listener{broadcast: b, caller: caller, filter: filter, roused: make(chan struct{}, 1)}
	known, err := b.admit(l)
	if err != nil {
		return nil, err
	}
	if err := l.start(ctx, known, after); err != nil {
		b.dismiss(l)
		return nil, err
	}
	return l, nil
}

// admit counts a listener, and wakes the follower.
func (b *Broadcast) admit(l *Listener) (known <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.listeners) >= b.cfg.ListenersMax {
		return nil, ErrTooMany{limitOfAll, b.cfg.ListenersMax}
	}
	if b.callers[l.caller] >= b.cfg.ListenersPerCaller {
		return nil, ErrTooMany{limitOfCaller, b.cfg.ListenersPerCaller}
	}
	b.listeners[l] = struct{}{}
	b.callers[l.caller]++
	b.metrics.listeners.Inc()
	b.metrics.behind.Inc()
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return b.known, nil
}

// dismiss is the reverse of admit.
func (b *Broadcast) dismiss(l *Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leave(l)
	delete(b.listeners, l)
	if b.callers[l.caller]--; b.callers[l.caller] == 0 {
		delete(b.callers, l.caller)
	}
	b.metrics.listeners.Dec()
	if !l.live {
		b.metrics.behind.Dec()
	}
}
