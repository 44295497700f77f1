package logcheck_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/internal/eventcodec"
	"passbook/internal/loadgen/logcheck"
	"passbook/internal/pgtest"
	"passbook/readmodel"
	"passbook/readmodel/readmodeltest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// fixture is a log with some acknowledged commands of a generator, and their file.
type fixture struct {
	t     *testing.T
	admin *pgxpool.Pool
	db    *logcheck.Database
	acks  []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	database := pgtest.New(t, eventstore.Migrations, readmodel.Migrations)
	f := &fixture{t: t, admin: database.Pool(t, "")}
	var err error
	if f.db, err = logcheck.Open(t.Context(), database.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.db.Close)
	f.write(eventstore.New(database.Pool(t, "passbook_command")))
	return f
}

const commands = 5

// write appends an event and an answer a command, and what others do in between.
func (f *fixture) write(store *eventstore.Store) {
	f.t.Helper()
	var entries []eventstore.Entry
	for n := range commands {
		key := fmt.Sprintf("bench-0a0b0c0d-%d", n)
		entries = append(entries, entry(key, 2*n+1), entry("other-"+key, 2*n+2))
		f.acks = append(f.acks, fmt.Sprintf("%s %d", key, 2*n+1))
	}
	verdicts, err := store.Append(f.t.Context(), entries)
	if err != nil {
		f.t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Err != nil || v.Position != int64(i+1) {
			f.t.Fatalf("entry %d: %+v", i, v)
		}
	}
}

func entry(key string, position int) eventstore.Entry {
	stream := uuid.New()
	event := eventstore.NewEvent{
		ID: uuid.New(), Type: "thing.happened", Schema: 1, Data: []byte(`{}`), Metadata: []byte(`{"actor": "a", "idempotency_key": "` + key + `"}`),
	}
	return eventstore.Entry{
		Appends: []eventstore.Append{{StreamType: "thing", StreamID: stream, Events: []eventstore.NewEvent{event}}},
		Answer:  &eventstore.Answer{Key: eventstore.Key{Caller: "a", Key: key}, StreamID: stream, Version: 1, Position: int64(position), Status: 201, Body: []byte(`{}`)},
	}
}

// spoil changes the log past what protects it.
func (f *fixture) spoil(sql string) {
	f.t.Helper()
	tag, err := f.admin.Exec(f.t.Context(), `BEGIN; SET LOCAL session_replication_role = replica; `+sql+`; COMMIT`)
	if err != nil {
		f.t.Fatalf("%s: %v, %v", sql, tag, err)
	}
}

func (f *fixture) compare(lines ...string) (logcheck.Acknowledgements, error) {
	f.t.Helper()
	path := filepath.Join(f.t.TempDir(), "acks")
	if err := os.WriteFile(path, []byte(strings.Join(append(lines, ""), "\n")), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return f.db.Compare(f.t.Context(), path)
}

func TestEachCommandIsThereOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if got, err := f.compare(f.acks...); err != nil || !got.OK() || got.Commands != commands || len(got.Faults) > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What one command leaves on several streams, and the holds that had expired by then, are no repetitions.
func TestACommandMayLeaveSeveralEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.spoil(`UPDATE events SET type = 'hold.expired', version = position, stream_id = (SELECT stream_id FROM events WHERE position = 6) WHERE position IN (3, 4);
		UPDATE events SET metadata = '{"idempotency_key": "bench-0a0b0c0d-2"}' WHERE position IN (3, 4, 6);
		UPDATE idempotency_keys SET position = 6 WHERE key = 'bench-0a0b0c0d-2'`)
	if got, err := f.compare("bench-0a0b0c0d-2 6"); err != nil || !got.OK() {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Whatever is wrong with one command is found and named.
func TestFinds(t *testing.T) {
	t.Parallel()
	const key = `'bench-0a0b0c0d-2'`
	for name, tt := range map[string]struct {
		sql                      string
		ack                      string
		missing, repeated, moved int64
	}{
		"never written":     {ack: "bench-0a0b0c0d-99 3", missing: 2},
		"answer lost":       {sql: `DELETE FROM idempotency_keys WHERE key = ` + key, missing: 1},
		"event lost":        {sql: `DELETE FROM events WHERE position = 5`, missing: 1},
		"done twice":        {sql: `UPDATE events SET metadata = '{"idempotency_key": "bench-0a0b0c0d-2"}', version = 2, stream_id = (SELECT stream_id FROM events WHERE position = 5) WHERE position = 6`, repeated: 1, moved: 1},
		"done twice, apart": {sql: `UPDATE events SET metadata = '{"idempotency_key": "bench-0a0b0c0d-2"}' WHERE position = 8`, repeated: 1, moved: 1},
		"done twice before": {sql: `UPDATE events SET metadata = '{"idempotency_key": "bench-0a0b0c0d-2"}' WHERE position = 2`, repeated: 1},
		"answer at another": {sql: `UPDATE idempotency_keys SET position = 6 WHERE key = ` + key, moved: 1},
		"both at another":   {sql: `UPDATE idempotency_keys SET position = 50 WHERE key = ` + key + `; UPDATE events SET position = 50 WHERE position = 5`, moved: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.sql != "" {
				f.spoil(tt.sql)
			}
			lines := f.acks
			if tt.ack != "" {
				lines = append(lines, tt.ack)
			}
			got, err := f.compare(lines...)
			if err != nil {
				t.Fatal(err)
			}
			if got.OK() || got.Missing != tt.missing || got.Repeated != tt.repeated || got.Moved != tt.moved {
				t.Errorf("got %+v", got)
			}
			if len(got.Faults) == 0 || !strings.Contains(strings.Join(got.Faults, "\n"), "bench-0a0b0c0d-") {
				t.Errorf("faults %q", got.Faults)
			}
		})
	}
}

func TestMalformedFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, lines := range map[string][]string{
		"no position": {"bench-0a0b0c0d-2"}, "no number": {"bench-0a0b0c0d-2 x"}, "twice": {f.acks[0], f.acks[0]}, "cut off": {f.acks[0], ""},
	} {
		if got, err := f.compare(lines...); err == nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if _, err := f.db.Check(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}

func TestWrittenGrows(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	before, err := f.db.Written(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.spoil(`CREATE TABLE filler AS SELECT repeat('x', 500) FROM generate_series(1, 2000)`)
	after, err := f.db.Written(t.Context())
	if err != nil || after.WALBytes-before.WALBytes < 1_000_000 || after.DiskBytes-before.DiskBytes < 1_000_000 {
		t.Errorf("%+v, then %+v, %v", before, after, err)
	}
}

// The whole check of a real log with its read models, and of one whose read models are wrong.
func TestCheckRunsTheAuditor(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, eventstore.Migrations, readmodel.Migrations)
	customers := readmodeltest.New(eventstore.New(database.Pool(t, "passbook_command")), 7)
	if _, err := customers.Write(t.Context(), 200); err != nil {
		t.Fatal(err)
	}
	project(t, database.Pool(t, "passbook_projector"), customers.Head().Position)
	db, err := logcheck.Open(t.Context(), database.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	path := filepath.Join(t.TempDir(), "acks")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report, err := db.Check(t.Context(), path)
	if err != nil || report.Audit.Head != 200 || report.WriteText(&text) != nil {
		t.Fatalf("%+v, %v", report, err)
	}
	if !strings.Contains(text.String(), "0 commands, each of them in the log exactly once") || !strings.Contains(text.String(), "verified") {
		t.Error(text.String())
	}
	if _, err := database.Pool(t, "").Exec(t.Context(), `UPDATE readmodel.balances SET balance = balance + 1`); err != nil {
		t.Fatal(err)
	}
	if report, err := db.Check(t.Context(), path); !errors.Is(err, logcheck.ErrNotProved) || report.Audit.OK() {
		t.Errorf("got %v", err)
	}
}

// project brings the read models to the position.
func project(t *testing.T, pool *pgxpool.Pool, position int64) {
	t.Helper()
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	config := readmodel.DefaultConfig()
	config.Holder, config.Poll = "test", 5*time.Millisecond
	engine, err := readmodel.NewEngine(readmodel.Parts{
		Pool: pool, Log: eventstore.New(pool), Decoder: codec, Projectors: readmodel.Projectors(),
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	}, config)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(running) }()
	waiting, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = readmodel.NewQueries(pool).WaitFor(waiting, position)
	stop()
	if runErr := <-ended; err != nil || runErr != nil {
		t.Fatal(err, runErr)
	}
}
