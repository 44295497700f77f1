package denials

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Config bounds a Trail. Zero values mean the defaults.
type Config struct {
	API       string        // whose denials they are
	PerSecond int           // written one by one; 100
	QueueMax  int           // waiting to be written; 8192
	KindsMax  int           // rows a second for many that are alike; 512
	Every     time.Duration // between two writes; 250 ms
	WriteMax  time.Duration // of one write; 2 s
}

func (c *Config) setDefaults() {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.PerSecond, 100)
	set(&c.QueueMax, 8192)
	set(&c.KindsMax, 512)
	if c.Every <= 0 {
		c.Every = 250 * time.Millisecond
	}
	if c.WriteMax <= 0 {
		c.WriteMax = 2 * time.Second
	}
}

// sourceShare is the part of the rows a second that one source may have.
const sourceShare = 5

// Trail takes denials and writes them down; see the package comment. It is safe for concurrent use.
type Trail struct {
	config  Config
	store   store
	log     *slog.Logger
	fates   *prometheus.CounterVec
	failing bool  // the last write has failed
	unsent  []Row // of a write that has failed, to be tried again

	mu       sync.Mutex
	second   time.Time // since when what follows is counted
	written  int       // one by one
	shares   map[source]int
	queue    []Row
	kinds    map[kind]*Row // many alike
	omitted  int64
	omission time.Time // the first of them
}

// store is where rows are written.
type store interface {
	insert(ctx context.Context, rows []Row) error
}

// New makes a trail in the database; Run makes it write.
func New(pool *pgxpool.Pool, config Config, log *slog.Logger, registerer prometheus.Registerer) *Trail {
	return newTrail(&database{pool}, config, log, registerer)
}

func newTrail(s store, config Config, log *slog.Logger, registerer prometheus.Registerer) *Trail {
	config.setDefaults()
	t := &Trail{
		config: config, store: s, log: log, shares: map[source]int{}, kinds: map[kind]*Row{},
		fates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passbook_denials_total", ConstLabels: prometheus.Labels{"api": config.API},
			Help: "Refused commands and denied requests, by what became of them in the audit trail: a row of their own, counted in a row for many, or counted alone.",
		}, []string{"fate"}),
	}
	registerer.MustRegister(t.fates)
	for _, fate := range []string{fateRow, fateGrouped, fateOmitted} {
		t.fates.WithLabelValues(fate)
	}
	return t
}

// The fates of a denial.
const (
	fateRow     = "row"
	fateGrouped = "grouped"
	fateOmitted = "omitted"
)

// Note takes a denial. It never waits for anything but other callers of it.
func (t *Trail) Note(d Denial) {
	d.API = t.config.API
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fates.WithLabelValues(t.take(&d)).Inc()
}

func (t *Trail) take(d *Denial) (fate string) {
	if d.At.Sub(t.second) >= time.Second || d.At.Before(t.second) {
		t.second, t.written = d.At, 0
		clear(t.shares)
	}
	from := d.source()
	if t.written < t.config.PerSecond && t.shares[from] < max(1, t.config.PerSecond/sourceShare) && len(t.queue) < t.config.QueueMax {
		t.written++
		t.shares[from]++
		t.queue = append(t.queue, Row{Times: 1, Denial: *d})
		return fateRow
	}
	alike := d.kind()
	if row := t.kinds[alike]; row != nil {
		row.Times++
		return fateGrouped
	}
	if len(t.kinds) < t.config.KindsMax {
		row := &Row{Times: 1, Denial: *d}
		row.About, row.RequestID = uuid.Nil, ""
		t.kinds[alike] = row
		return fateGrouped
	}
	if t.omitted == 0 {
		t.omission = d.At
	}
	t.omitted++
	return fateOmitted
}

// Run writes until ctx is done, and then what there is.
func (t *Trail) Run(ctx context.Context) error {
	tick := time.NewTicker(t.config.Every)
	defer tick.Stop()
	gathered := time.Now()
	for {
		select {
		case <-tick.C:
			whole := time.Since(gathered) >= time.Second
			if whole {
				gathered = time.Now()
			}
			t.write(ctx, whole)
		case <-ctx.Done():
			last := context.WithoutCancel(ctx)
			t.write(last, true) // which may be what could not be written before
			t.write(last, true)
			return nil
		}
	}
}

// write writes what waits and, when whole, what was counted. What could not be written is tried again with the next; as long
// as that is so nothing else is taken from the queue, which then fills.
func (t *Trail) write(ctx context.Context, whole bool) {
	if len(t.unsent) == 0 {
		t.unsent = t.gather(whole)
	}
	if len(t.unsent) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.config.WriteMax)
	defer cancel()
	err := t.store.insert(ctx, t.unsent)
	switch {
	case err == nil && t.failing:
		t.log.Info("the audit trail is written again", slog.String("api", t.config.API))
	case err != nil && !t.failing:
		t.log.Error("the audit trail is not written", slog.String("api", t.config.API), slog.Any("error", err), slog.Int("rows", len(t.unsent)))
	}
	t.failing = err != nil
	if err != nil && passing(err) {
		return
	}
	if err != nil {
		t.omit(t.unsent)
	}
	t.unsent = nil
}

// gather takes what is to be written.
func (t *Trail) gather(whole bool) []Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := t.queue
	t.queue = nil
	if whole {
		for _, row := range t.kinds {
			rows = append(rows, *row)
		}
		clear(t.kinds)
		if t.omitted > 0 {
			rows = append(rows, Row{Times: t.omitted, Denial: Denial{At: t.omission, API: t.config.API, Code: Omitted}})
			t.omitted = 0
		}
	}
	for i := range rows {
		rows[i].ID = newID()
	}
	return rows
}

// omit counts what Postgres will not have.
func (t *Trail) omit(rows []Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.omitted == 0 {
		t.omission = rows[0].At
	}
	for i := range rows {
		if rows[i].Code == Omitted {
			continue // it would be counted for ever
		}
		t.omitted += rows[i].Times
		t.fates.WithLabelValues(fateOmitted).Add(float64(rows[i].Times))
	}
}

func newID() uuid.UUID {
	id, err := uuid.NewV7()
	if err != nil {
		panic("no randomness: " + err.Error()) // and then nothing may go on
	}
	return id
}
