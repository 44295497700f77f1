package contender

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// streams is among how many streams, or accounts, the work is spread that is not hot.
const streams = 10_000

// The yardstick: what Postgres does when each command is a transaction. Its table has nothing but a primary key, and the
// statement is prepared, which is the best that pgbench can do over TCP. Over a Unix socket it can do more.
var pgbenchInsert = Contender{
	Name: "pgbench_insert",
	Measures: []Measure{
		{"pgbench/insert/1", "pgbench, single-row INSERT, 1 client", YardstickWrite},
		{"pgbench/insert/16", "pgbench, single-row INSERT, 16 clients", YardstickWrite},
		{YardstickWrite, "pgbench, single-row INSERT, 64 clients", YardstickWrite},
		{YardstickWrite + socketSuffix, "pgbench, single-row INSERT, 64 clients, Unix socket", YardstickWrite},
	},
	turn: func(ctx context.Context, s *Stage) error {
		if err := s.exec(ctx, createPlainEvents); err != nil {
			return err
		}
		for _, clients := range []int{1, 16, 64} {
			if err := s.pgbench(ctx, "pgbench/insert/"+strconv.Itoa(clients), scriptInsert, clients, s.tcp()); err != nil {
				return err
			}
		}
		if err := s.pgbench(ctx, OverSocket(YardstickWrite), scriptInsert, 64, s.url()); err != nil {
			return err
		}
		return s.expectRows(ctx, "SELECT count(*) FROM events")
	},
}

var pgbenchReadInsert = Contender{
	Name:     "pgbench_read_insert",
	Measures: []Measure{{"pgbench/read-insert/64", "pgbench, read the version, INSERT, COMMIT, 64 clients", YardstickWrite}},
	turn: func(ctx context.Context, s *Stage) error {
		if err := s.exec(ctx, createPlainEvents+"; "+guardVersions); err != nil {
			return err
		}
		if err := s.pgbench(ctx, "pgbench/read-insert/64", scriptReadInsert, 64, s.tcp()); err != nil {
			return err
		}
		return s.discountConflicts(ctx, "pgbench/read-insert/64")
	},
}

var pgbenchSelect = Contender{
	Name: "pgbench_select",
	Measures: []Measure{
		{YardstickRead, "pgbench, SELECT by key, 8 clients", YardstickRead},
		{YardstickRead + socketSuffix, "pgbench, SELECT by key, 8 clients, Unix socket", YardstickRead},
		{"pgbench/select/64", "pgbench, SELECT by key, 64 clients", YardstickRead},
	},
	turn: func(ctx context.Context, s *Stage) error {
		if err := s.exec(ctx, createPlainAccounts); err != nil {
			return err
		}
		if err := s.exec(ctx, "VACUUM ANALYZE accounts"); err != nil {
			return err
		}
		for _, clients := range []int{8, 64} {
			if err := s.pgbench(ctx, "pgbench/select/"+strconv.Itoa(clients), scriptSelect, clients, s.tcp()); err != nil {
				return err
			}
		}
		return s.pgbench(ctx, OverSocket(YardstickRead), scriptSelect, 8, s.url())
	},
}

const createPlainEvents = `CREATE TABLE events (
    id           bigserial   PRIMARY KEY,
    stream_id    uuid        NOT NULL,
    version      bigint      NOT NULL,
    type         text        NOT NULL,
    data         json        NOT NULL,
    effective_at timestamptz NOT NULL DEFAULT now(),
    recorded_at  timestamptz NOT NULL DEFAULT now()
)`

// guardVersions is what keeps two writers from writing the same version.
const guardVersions = "ALTER TABLE events ADD UNIQUE (stream_id, version)"

// payload has the size of the data of one deposit.
const payload = `{"transaction_id":"01a1fc47-5cd1-7411-8c71-d0d6d76b03d2","amount":12550,"currency":"EUR","balance_after":12550,"held_after":0}`

const scriptInsert = `INSERT INTO events (stream_id, version, type, data)
VALUES (gen_random_uuid(), 1, 'money.deposited', '` + payload + `');
`

// Two that meet on a stream both read the same version; pgbench cannot retry that, so the second writes nothing and is not
// counted.
const scriptReadInsert = `\set stream random(1, 10000)
BEGIN;
SELECT coalesce(max(version), 0) + 1 AS version FROM events WHERE stream_id = lpad(:stream::text, 32, '0')::uuid \gset
INSERT INTO events (stream_id, version, type, data)
VALUES (lpad(:stream::text, 32, '0')::uuid, :version, 'money.deposited', '` + payload + `') ON CONFLICT DO NOTHING;
COMMIT;
`

const createPlainAccounts = `CREATE TABLE accounts (
    id bigint PRIMARY KEY, owner_id text NOT NULL, owner_name text NOT NULL, currency text NOT NULL, balance bigint NOT NULL,
    held bigint NOT NULL, status text NOT NULL, version bigint NOT NULL, opened_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
INSERT INTO accounts SELECT n, 'owner-' || n, 'Owner ' || n, 'EUR', n, 0, 'open', 1, now(), now() FROM generate_series(1, 10000) n`

const scriptSelect = `\set id random(1, 10000)
SELECT * FROM accounts WHERE id = :id;
`

// pgbench measures a script. pgbench says itself how many transactions a second it was, connecting left out.
func (s *Stage) pgbench(ctx context.Context, id, script string, clients int, databaseURL string) error {
	program, err := s.bench.Server.Program("pgbench")
	if err != nil {
		return &LeftOut{err.Error()}
	}
	file := filepath.Join(s.dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return err
	}
	return s.measure(ctx, id, nil, func(ctx context.Context, d time.Duration) (Sample, error) {
		seconds := int(math.Ceil(d.Seconds()))                                                                                  // it takes whole ones only
		cmd := exec.CommandContext(ctx, program, "--no-vacuum", "--protocol=prepared", "--jobs="+strconv.Itoa(min(clients, 2)), //nolint:gosec // pgbench of the Postgres that was found
			"--client="+strconv.Itoa(clients), "--time="+strconv.Itoa(seconds), "--file="+file)
		cmd.Env = libpqEnviron(databaseURL)
		var faults bytes.Buffer
		cmd.Stderr = &faults
		out, err := cmd.Output()
		if err != nil {
			return Sample{}, fmt.Errorf("pgbench: %w\n%s", err, faults.Bytes())
		}
		return parsePgbench(string(out))
	})
}

var (
	pgbenchDone   = regexp.MustCompile(`(?m)^number of transactions actually processed: (\d+)`)
	pgbenchFailed = regexp.MustCompile(`(?m)^number of failed transactions: ([1-9]\d*)`)
	pgbenchRate   = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \((?:without initial connection time|excluding connections establishing)`)
)

var errPgbench = errors.New("cannot read pgbench's report")

func parsePgbench(report string) (Sample, error) {
	done, rate := pgbenchDone.FindStringSubmatch(report), pgbenchRate.FindStringSubmatch(report)
	if done == nil || rate == nil {
		return Sample{}, fmt.Errorf("%w:\n%s", errPgbench, report)
	}
	if failed := pgbenchFailed.FindStringSubmatch(report); failed != nil {
		return Sample{}, fmt.Errorf("pgbench: %s transactions failed", failed[1])
	}
	operations, err1 := strconv.ParseInt(done[1], 10, 64)
	perSecond, err2 := strconv.ParseFloat(rate[1], 64)
	if err := errors.Join(err1, err2); err != nil {
		return Sample{}, fmt.Errorf("%w: %w", errPgbench, err)
	}
	return Sample{Operations: operations, Rate: perSecond}, nil
}

// libpqEnviron tells a libpq program where the database is, and nothing else.
func libpqEnviron(databaseURL string) []string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic("contender: the server's own URL: " + err.Error())
	}
	host, port := u.Hostname(), u.Port()
	if host == "" { // a socket's directory
		host, port = u.Query().Get("host"), u.Query().Get("port")
	}
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "PGHOST=" + host, "PGPORT=" + port, "PGUSER=" + u.User.Username(), "PGDATABASE=" + u.Path[1:],
	}
	if password, set := u.User.Password(); set {
		environ = append(environ, "PGPASSWORD="+password, "PGSSLMODE=disable")
	}
	return environ
}
