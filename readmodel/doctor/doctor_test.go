package doctor_test

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/eventstore/relay"
	"passbook/internal/auditor"
	"passbook/internal/eventcodec"
	"passbook/internal/lease"
	"passbook/internal/natstest"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
	"passbook/readmodel"
	"passbook/readmodel/doctor"
	"passbook/readmodel/feed"
	"passbook/readmodel/observer"
	"passbook/readmodel/readmodeltest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

var quiet = slog.New(slog.DiscardHandler)

// bank is a log, a broker, and what runs between them and the rows.
type bank struct {
	t         *testing.T
	admin     *pgxpool.Pool
	commands  *pgxpool.Pool
	projector *pgxpool.Pool
	nats      *natstest.Server
	codec     *eventcodec.Codec
	queries   *readmodel.Queries
	seed      uint64
	stop      func()
}

func newBank(t *testing.T) *bank {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	return &bank{
		t: t, admin: db.Pool(t, ""), commands: db.Pool(t, "passbook_command"), projector: db.Pool(t, "passbook_projector"), nats: natstest.Start(t),
		codec: codec, queries: readmodel.NewQueries(db.Pool(t, "passbook_query")), stop: func() {},
	}
}

// write appends events of new customers: after a restore, another history.
func (b *bank) write(n int) int64 {
	b.t.Helper()
	b.seed++
	store := eventstore.New(b.commands)
	head, err := store.Head(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	head, err = readmodeltest.NewLive(store, b.seed).Behind(head).Write(b.t.Context(), n)
	if err != nil {
		b.t.Fatal(err)
	}
	return head.Position
}

func (b *bank) feed() *feed.Feed {
	b.t.Helper()
	config := feed.DefaultConfig()
	config.Heartbeat = 500 * time.Millisecond
	f, err := feed.New(b.nats.Connect(), eventstore.New(b.projector), config, quiet)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

// start runs relay, projections and observer until stop.
func (b *bank) start() {
	b.t.Helper()
	relayConfig := relay.DefaultConfig()
	relayConfig.Poll, relayConfig.Check = 5*time.Millisecond, 100*time.Millisecond
	carrier, err := relay.New(eventstore.New(b.commands), b.nats.Connect(), lease.New(b.commands, "relay", "test", 2*time.Second, quiet), relayConfig, quiet, prometheus.NewRegistry())
	if err != nil {
		b.t.Fatal(err)
	}
	config := readmodel.DefaultConfig()
	config.Holder, config.LeaseTTL = "test", 2*time.Second
	config.RetryMin, config.RetryMax, config.Resubscribe = 5*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	source := b.feed()
	engine, err := readmodel.NewEngine(readmodel.Parts{
		Pool: b.projector, Log: eventstore.New(b.projector), Decoder: b.codec, Source: source, Projectors: readmodel.Projectors(),
		Logger: quiet, Registry: prometheus.NewRegistry(),
	}, config)
	if err != nil {
		b.t.Fatal(err)
	}
	watcher := observer.New(observer.Parts{Pool: b.projector, Stream: source, Holder: "test", Log: quiet, Registry: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(b.t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{carrier.Run, engine.Run, watcher.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				b.t.Errorf("run: %v", err)
			}
		})
	}
	b.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	b.t.Cleanup(b.stop)
}

func (b *bank) exec(statements ...string) {
	b.t.Helper()
	for _, sql := range statements {
		if _, err := b.admin.Exec(b.t.Context(), sql); err != nil {
			b.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// restoreLog puts the log back to where it was, and leaves everything else as it is.
func (b *bank) restoreLog(position string) {
	b.exec(`ALTER TABLE events DISABLE TRIGGER events_append_only`, `DELETE FROM events WHERE position > `+position,
		`ALTER TABLE events ENABLE TRIGGER events_append_only`,
		`UPDATE log_head SET position = `+position+`, recorded_at = (SELECT recorded_at FROM events WHERE position = `+position+`)`)
}

func (b *bank) until(what string, holds func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(40 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			b.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// untilCarried waits until rows and stream have everything.
func (b *bank) untilCarried(position int64) {
	b.t.Helper()
	f := b.feed()
	b.until("rows and stream are complete", func() bool {
		status, err := b.queries.Status(b.t.Context())
		if err != nil || len(status.Projections) != len(readmodel.Projectors()) {
			return false
		}
		for _, p := range status.Projections {
			if p.Position != position {
				return false
			}
		}
		seen, err := f.Inspect(b.t.Context())
		return err == nil && seen.Position == position
	})
}

func (b *bank) verify(position int64) {
	b.t.Helper()
	report, err := auditor.Verify(b.t.Context(), b.projector, b.codec, auditor.Options{DifferencesMax: 5})
	if err != nil {
		b.t.Fatal(err)
	}
	if !report.OK() || report.Projections[0].Position != position || report.Projections[1].Position != position {
		var text strings.Builder
		_ = report.WriteText(&text)
		b.t.Errorf("want position %d\n%s", position, &text)
	}
}

func (b *bank) doctor() *doctor.Doctor {
	return doctor.New(b.projector, b.feed(), readmodel.Projectors())
}

func examine(t *testing.T, d *doctor.Doctor) doctor.Diagnosis {
	t.Helper()
	diagnosis, err := d.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return diagnosis
}

func things(d doctor.Diagnosis) (names []string) {
	for _, f := range d.Findings {
		names = append(names, f.Thing)
	}
	slices.Sort(names)
	return names
}

func TestAHealthyBankHasNoFindings(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	if d := examine(t, b.doctor()); !d.Healthy() {
		t.Errorf("an empty bank: %+v", d)
	}
	b.start()
	b.untilCarried(b.write(100))
	if d := examine(t, b.doctor()); !d.Healthy() || d.Head != 100 {
		t.Errorf("%+v", d)
	}
}

// Everything that is ahead of the restored log is named, one by one, and repaired; relay and projector go on by themselves.
func TestWhatIsAheadIsNamedAndRepaired(t *testing.T) {
	t.Parallel()
	ahead := []string{"marks of log", "marks of relay", "relay", "stream"}
	for _, p := range readmodel.Projectors() {
		ahead = append(ahead, "checkpoint of "+p.Name+", generation 1", "consumer "+p.Name+"-1", "marks of "+p.Name+", generation 1", "rows of "+p.Name+", generation 1")
	}
	slices.Sort(ahead)
	past := slices.DeleteFunc(slices.Clone(ahead), func(thing string) bool { return strings.HasPrefix(thing, "checkpoint") })
	for name, test := range map[string]struct {
		grows   int // events of another history, behind the restored log
		running bool
		things  []string
	}{
		"the log is shorter":                          {0, false, ahead},
		"the log is shorter, everything runs on":      {0, true, ahead},
		"the log has grown past the old end":          {100, false, past},
		"the log has grown, not up to the old end":    {20, false, ahead},
		"the log has grown to exactly the old length": {40, false, past},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t)
			b.start()
			b.write(60)
			b.untilCarried(b.write(40))
			b.until("marks of all", func() bool {
				var n int
				err := b.admin.QueryRow(t.Context(), `SELECT count(*) FROM readmodel.marks WHERE position = 100`).Scan(&n)
				return err == nil && n == 2+len(readmodel.Projectors())
			})
			if !test.running {
				b.stop()
			}
			b.restoreLog("60")
			if test.grows > 0 {
				b.write(test.grows)
			}
			d := b.doctor()
			found := examine(t, d)
			if got := things(found); !slices.Equal(got, test.things) {
				t.Fatalf("found %q\nwant %q", got, test.things)
			}
			for _, f := range found.Findings {
				exact := slices.Contains([]string{"stream", "relay", "rows of timeline, generation 1"}, f.Thing)
				if f.Repair == "" || f.Position <= 60 || exact && f.Same != 60 {
					t.Errorf("%+v", f)
				}
			}
			if done, err := d.Repair(t.Context(), found); err != nil || len(done) < 4 {
				t.Fatalf("%q, %v", done, err)
			}
			b.stop()
			if left := examine(t, d); !left.Healthy() {
				t.Errorf("left: %+v", left)
			}
			b.start()
			head := int64(60 + test.grows)
			b.untilCarried(head)
			b.verify(head)
			b.untilCarried(b.write(50))
			b.verify(head + 50)
		})
	}
}

func TestWhatCannotBeRepairedIsSaidAndLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.write(10)
	b.exec(`UPDATE log_head SET position = 8`,
		`INSERT INTO idempotency_keys (position, version, recorded_at, key_id, stream_id, status, caller, key, fingerprint, body)
		 VALUES (9, 1, now(), gen_random_uuid(), gen_random_uuid(), 201, 'c', 'k', sha256('x'), '{}')`)
	d := b.doctor()
	found := examine(t, d)
	if got := things(found); !slices.Equal(got, []string{"answers", "log"}) || found.Repairable() || found.Healthy() {
		t.Errorf("%+v", found)
	}
	if done, err := d.Repair(t.Context(), found); err != nil || len(done) != 0 {
		t.Errorf("%q, %v", done, err)
	}
}

// Snapshots, and decisions about events, that are not of the log.
func TestWhatIsLeftOfThePastIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.write(10)
	b.exec(`INSERT INTO readmodel.skipped (account_id, event_id, version, position, projection, class, cause, skipped_by, reason)
		VALUES (gen_random_uuid(), gen_random_uuid(), 1, 3, 'balances', 'refused', 'c', 'ada', 'r')`)
	b.exec(`INSERT INTO snapshots (version, stream_id, fold, state) VALUES (9, gen_random_uuid(), 'f', '{}')`)
	d := b.doctor()
	found := examine(t, d)
	if got := things(found); !slices.Equal(got, []string{"events to be passed over", "snapshots"}) {
		t.Fatalf("%+v", found)
	}
	if _, err := d.Repair(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if left := examine(t, d); !left.Healthy() {
		t.Errorf("left: %+v", left)
	}
}

// Without a way to NATS the stream is judged by what a projector has recorded of it, and not repaired.
func TestWithoutNATS(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	d := doctor.New(b.projector, nil, readmodel.Projectors())
	if found := examine(t, d); found.Healthy() || len(found.Unexamined) != 1 {
		t.Errorf("nobody has looked: %+v", found)
	}
	b.start()
	b.untilCarried(b.write(100))
	b.until("a healthy stream is on record", func() bool { found := examine(t, d); return found.Healthy() })
	b.stop()
	b.restoreLog("60")
	found := examine(t, d)
	if !slices.Contains(things(found), "stream") || found.Findings[len(found.Findings)-1].Repair != "" {
		t.Errorf("%+v", found)
	}
}

// A broker that does not answer is no healthy stream.
func TestABrokerThatIsAwayIsNotExamined(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	d := b.doctor()
	b.nats.Stop()
	b.until("the connection is known to be lost", func() bool { found := examine(t, d); return len(found.Unexamined) == 1 })
	if found := examine(t, d); found.Healthy() || len(found.Findings) != 0 {
		t.Errorf("%+v", found)
	}
}

// The generation before and the one being built are dropped: they can be made again.
func TestOtherGenerationsAreDropped(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.start()
	b.untilCarried(b.write(100))
	b.stop()
	b.exec(`CREATE TABLE readmodel_previous.balances (LIKE readmodel.balances)`, `INSERT INTO readmodel_previous.balances SELECT * FROM readmodel.balances`,
		`ALTER TABLE readmodel_previous.balances OWNER TO passbook_projector`, `UPDATE readmodel.checkpoints SET generation = 2 WHERE projection = 'balances'`,
		`INSERT INTO readmodel.checkpoints (projection, generation, code_version, place, live, position, state, cause) VALUES ('balances', 1, 1, 'previous', false, 100, 'running', '')`)
	b.restoreLog("60")
	d := b.doctor()
	found := examine(t, d)
	for _, thing := range []string{"checkpoint of balances, generation 1", "rows of balances, generation 1", "checkpoint of balances, generation 2", "rows of balances, generation 2"} {
		if !slices.Contains(things(found), thing) {
			t.Errorf("%s is not named: %q", thing, things(found))
		}
	}
	done, err := d.Repair(t.Context(), found)
	if err != nil || !slices.Contains(done, "balances, generation 1: dropped") {
		t.Errorf("%q, %v", done, err)
	}
	if left := examine(t, d); !left.Healthy() {
		t.Errorf("left: %+v", left)
	}
	b.start()
	b.untilCarried(b.write(10))
}
