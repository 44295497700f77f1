package observer_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/internal/pgtest"
	"passbook/readmodel"
	"passbook/readmodel/observer"
	"passbook/readmodel/readmodeltest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// rig is a log of ten events, a projection that stands at their end, and a stream.
type rig struct {
	t        *testing.T
	admin    *pgxpool.Pool
	queries  *readmodel.Queries
	observer *observer.Observer
	registry *prometheus.Registry

	mu   sync.Mutex
	seen readmodel.Transport
	fail error
}

// Inspect implements readmodel.Stream.
func (r *rig) Inspect(context.Context) (readmodel.Transport, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	seen.ObservedAt = time.Now()
	return seen, r.fail
}

func newRig(t *testing.T) *rig {
	t.Helper()
	db := pgtest.New(t, eventstore.Migrations, readmodel.Migrations)
	r := &rig{t: t, admin: db.Pool(t, ""), queries: readmodel.NewQueries(db.Pool(t, "passbook_query")), registry: prometheus.NewRegistry()}
	store := eventstore.New(db.Pool(t, "passbook_command"))
	if _, err := readmodeltest.NewLive(store, 1).Write(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	events, err := store.ReadLog(t.Context(), 9, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.seen = readmodel.Transport{Found: true, Messages: 10, LastSequence: 10, Position: 10, EventID: events[0].ID, StoredAt: events[0].RecordedAt,
		Consumers: []readmodel.StreamConsumer{{Name: "balances-1", Pending: 3, Redelivered: 2}}}
	r.exec(`INSERT INTO readmodel.checkpoints (projection, generation, code_version, live, position, state, cause) VALUES ('balances', 1, 1, true, 10, 'running', '')`)
	r.exec(`INSERT INTO leases (name, holder, epoch, expires_at) VALUES ('projection/balances', 'test', 3, now() + interval '1 hour')`)
	r.observer = observer.New(observer.Parts{
		Pool: db.Pool(t, "passbook_projector"), Stream: r, Wanted: []string{"balances"}, Holder: "test", Log: slog.New(slog.DiscardHandler), Registry: r.registry,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.observer.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return r
}

func (r *rig) exec(sql string) {
	r.t.Helper()
	if _, err := r.admin.Exec(r.t.Context(), sql); err != nil {
		r.t.Fatal(err)
	}
}

// until polls until the condition holds.
func (r *rig) until(what string, holds func() bool) {
	r.t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			r.t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (r *rig) gauge(name, value string) bool {
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return strings.Contains(f.GetMetric()[0].String(), "value:"+value+"}")
		}
	}
	return false
}

func TestWhatIsSeenReachesThoseWithoutNATS(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var s readmodel.Status
	r.until("the stream is on record", func() bool {
		var err error
		if s, err = r.queries.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s.Relay.State == readmodel.RelayLive
	})
	if s.Relay.Position != 10 || s.Relay.LagEvents != 0 || s.Relay.Stream.Messages != 10 || s.Relay.Stream.Consumers[0].Redelivered != 2 || s.Relay.Stream.Observer != "test" {
		t.Errorf("%+v", s.Relay)
	}
	r.mu.Lock()
	r.fail = context.DeadlineExceeded
	r.mu.Unlock()
	r.until("that it cannot be seen is on record", func() bool {
		s, err := r.queries.Status(t.Context())
		return err == nil && s.Relay.State == readmodel.RelayUnknown && strings.Contains(s.Relay.Stream.Cause, "deadline")
	})
}

func TestMarksSayWhenAPositionWasReached(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	count := func(subject string) (n int) {
		if err := r.admin.QueryRow(t.Context(), `SELECT count(*) FROM readmodel.marks WHERE subject = $1 AND position = 10`, subject).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	r.until("marks of all three", func() bool { return count("balances") == 1 && count("log") == 1 && count("relay") == 1 })
	var exact bool
	err := r.admin.QueryRow(t.Context(), `SELECT m.at = c.updated_at FROM readmodel.marks m JOIN readmodel.checkpoints c ON c.projection = m.subject WHERE m.position = 10`).Scan(&exact)
	if err != nil || !exact {
		t.Errorf("the mark is not of the moment at which the checkpoint moved: %v", err)
	}
}

// Health turns red when a position stands still while events are pending, and when nobody gets the lease.
func TestHealthTurnsRed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ sql, says, metric string }{
		"position stands still": {`ALTER TABLE events DISABLE TRIGGER events_append_only; UPDATE events SET recorded_at = now() - interval '1 minute';
			UPDATE readmodel.checkpoints SET position = 7, updated_at = now() - interval '1 minute'`, "has not moved", "passbook_projection_following"},
		"no lease to be had":  {`UPDATE leases SET expires_at = now() - interval '1 minute' WHERE name = 'projection/balances'`, "lease", "passbook_projection_lease_held"},
		"leases are denied":   {`DELETE FROM leases WHERE name = 'projection/balances'; REVOKE ALL ON leases FROM passbook_projector`, "permission denied", "passbook_projections_healthy"},
		"projections missing": {`DELETE FROM readmodel.checkpoints`, "never began", "passbook_projection_following"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.until("healthy at first", func() bool {
				return r.observer.Healthy(t.Context()) == nil && r.gauge("passbook_projections_healthy", "1")
			})
			r.exec(test.sql)
			if err := r.observer.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("healthy says %v", err)
			}
			r.until("the metric is 0", func() bool { return r.gauge("passbook_projections_healthy", "0") && r.gauge(test.metric, "0") })
		})
	}
}
