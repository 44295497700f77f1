package lease

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed queries/acquire.sql
var acquireSQL string

//go:embed queries/renew.sql
var renewSQL string

//go:embed queries/release.sql
var releaseSQL string

//go:embed queries/current.sql
var currentSQL string

const (
	renewalsPerTTL = 3
	asksPerTTL     = 10
	askIntervalMax = time.Second
	// marginPerTTL is the part of the time to live between the end of lead's context and the moment the database
	// gives the lease away: room for lead to stop, and for clocks that do not run equally fast.
	marginPerTTL = 10
)

// Lease is one process's stake in a lease. Run it once; the other methods may be called from anywhere.
type Lease struct {
	pool   *pgxpool.Pool
	name   string
	holder string
	ttl    time.Duration
	log    *slog.Logger
	epoch  atomic.Int64 // 0 while not leading
}

// New returns a stake in the lease of that name. holder must be unique among the processes that run at the same time.
// ttl is how long the others wait after this process was killed; it must leave room for a few round trips to the
// database.
func New(pool *pgxpool.Pool, name, holder string, ttl time.Duration, log *slog.Logger) *Lease {
	if name == "" || holder == "" || ttl <= 0 {
		panic(fmt.Sprintf("lease: name %q, holder %q and ttl %s must all be given", name, holder, ttl))
	}
	return &Lease{pool: pool, name: name, holder: holder, ttl: ttl, log: log.With("lease", name, "holder", holder)}
}

// Lead is what a leader does until ctx is done: because the lease is lost or the process stops. It must return soon
// after that.
type Lead func(ctx context.Context, epoch int64) error

// ErrLost is the cause of lead's context when the lease could not be renewed in time.
var ErrLost = errors.New("lease lost: it could not be renewed in time")

// Run competes for the lease until ctx is done, and calls lead each time it gets it, one call at a time. When lead
// returns by itself, with or without an error, the lease is given back and, after a pause that lets others have it,
// competed for again. Run returns nil, always after lead has returned.
func (l *Lease) Run(ctx context.Context, lead Lead) error {
	for ctx.Err() == nil {
		if g, ok := l.acquire(ctx); ok {
			l.hold(ctx, g, lead)
		}
		pause(ctx, l.askInterval())
	}
	return nil
}

// IsLeader reports whether lead is running under a lease that has not run out.
func (l *Lease) IsLeader() bool {
	return l.Epoch() != 0
}

// Epoch is the one led under, 0 when not leading.
func (l *Lease) Epoch() int64 {
	return l.epoch.Load()
}

// Holder is who holds a lease.
type Holder struct {
	Name      string
	Epoch     int64
	ExpiresAt time.Time
	// Held is false when the lease was given back or has run out; Name is then the last holder.
	Held bool
}

// Current returns the holder of a lease, the zero Holder when nobody ever held it.
func Current(ctx context.Context, pool *pgxpool.Pool, name string) (Holder, error) {
	var h Holder
	err := pool.QueryRow(ctx, currentSQL, name).Scan(&h.Name, &h.Epoch, &h.ExpiresAt, &h.Held)
	if errors.Is(err, pgx.ErrNoRows) {
		return Holder{}, nil
	}
	if err != nil {
		return Holder{}, fmt.Errorf("look up the holder of lease %s: %w", name, err)
	}
	return h, nil
}

// grant is a lease that was got: under which epoch, and until when by the local clock.
type grant struct {
	epoch    int64
	deadline time.Time
}

// acquire asks once. Failing to ask is not the end: the database may be away for a while.
func (l *Lease) acquire(ctx context.Context) (grant, bool) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/renewalsPerTTL)
	defer cancel()
	deadline := l.deadline()
	var epoch int64
	err := l.pool.QueryRow(ctx, acquireSQL, l.name, l.holder, l.ttl.Seconds()).Scan(&epoch)
	switch {
	case err == nil:
		return grant{epoch, deadline}, true
	case !errors.Is(err, pgx.ErrNoRows) && !errors.Is(err, context.Canceled):
		l.log.WarnContext(ctx, "cannot ask for the lease, trying on", "error", err)
	}
	return grant{}, false
}

// deadline is when a lease asked for now must be considered lost. It is taken before the request is sent, so the
// database's own deadline is later, and carries the monotonic clock.
func (l *Lease) deadline() time.Time {
	return time.Now().Add(l.ttl - l.ttl/marginPerTTL)
}

func (l *Lease) askInterval() time.Duration {
	return min(l.ttl/asksPerTTL, askIntervalMax)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
