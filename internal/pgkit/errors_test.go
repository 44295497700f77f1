package pgkit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
)

const notesTable = `CREATE TABLE notes (
	id   int CONSTRAINT notes_id PRIMARY KEY DEFERRABLE INITIALLY DEFERRED,
	text text CONSTRAINT notes_text CHECK (text <> ''));`

func TestConstraintsAreNamed(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, set(notesTable)).Pool(t, "")
	_, twice := pool.Exec(t.Context(), "INSERT INTO notes VALUES (1, 'a'), (1, 'b')")
	_, empty := pool.Exec(t.Context(), "INSERT INTO notes VALUES (1, '')")

	if name, ok := pgkit.UniqueViolation(fmt.Errorf("wrapped: %w", twice)); !ok || name != "notes_id" {
		t.Errorf("UniqueViolation gave %q, %v for %v", name, ok, twice)
	}
	if name, ok := pgkit.CheckViolation(empty); !ok || name != "notes_text" {
		t.Errorf("CheckViolation gave %q, %v for %v", name, ok, empty)
	}
	if _, ok := pgkit.UniqueViolation(empty); ok {
		t.Error("a CHECK is no unique key")
	}
	if _, ok := pgkit.UniqueViolation(nil); ok {
		t.Error("nil is no violation")
	}
}

// What really comes back when a transaction ends badly, and what may then be believed.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, set(notesTable)).Pool(t, "")
	for name, c := range map[string]struct {
		fail               func(*testing.T, *pgxpool.Pool) error
		unknown, retryable bool
	}{
		"constraint at commit":       {failCommit, false, false},
		"commit of a failed one":     {commitFailed, false, false},
		"commit twice":               {commitTwice, false, false},
		"session ended by an admin":  {terminated, true, true},
		"connection already closed":  {closed, true, true},
		"connection lost at commit":  {lostAtCommit, true, true},
		"caller gave up in between":  {gaveUp, true, false},
		"server not to be connected": {unreachable, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.fail(t, pool)
			if err == nil {
				t.Fatal("nothing failed")
			}
			if got := pgkit.OutcomeUnknown(err); got != c.unknown {
				t.Errorf("OutcomeUnknown is %v for %v", got, err)
			}
			if got := pgkit.IsRetryable(err); got != c.retryable {
				t.Errorf("IsRetryable is %v for %v", got, err)
			}
		})
	}
}

func TestRetryableStates(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]bool{
		"40001": true, "40P01": true, "53300": true, "57P01": true, "57P03": true, "08006": true, "25006": true,
		"23505": false, "42501": false, "22012": false, "57014": false, "28P01": false,
	} {
		if got := pgkit.IsRetryable(&pgconn.PgError{Code: state}); got != want {
			t.Errorf("%s: retryable is %v, want %v", state, got, want)
		}
	}
	if pgkit.IsRetryable(nil) || pgkit.OutcomeUnknown(nil) || pgkit.IsRetryable(errors.New("ours")) {
		t.Error("what is no failure of the database needs no retry")
	}
}

func begin(t *testing.T, pool *pgxpool.Pool) pgx.Tx {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func failCommit(t *testing.T, pool *pgxpool.Pool) error {
	tx := begin(t, pool)
	if _, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES (1, 'a'), (1, 'b')"); err != nil {
		t.Fatal(err)
	}
	return tx.Commit(t.Context())
}

func commitFailed(t *testing.T, pool *pgxpool.Pool) error {
	tx := begin(t, pool)
	if _, err := tx.Exec(t.Context(), "SELECT 1/0"); err == nil {
		t.Fatal("1/0 worked")
	}
	return tx.Commit(t.Context())
}

func commitTwice(t *testing.T, pool *pgxpool.Pool) error {
	tx := begin(t, pool)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tx.Commit(t.Context())
}

func terminated(t *testing.T, pool *pgxpool.Pool) error {
	tx := begin(t, pool)
	_, err := tx.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
	return err
}

func closed(t *testing.T, pool *pgxpool.Pool) error {
	tx := begin(t, pool)
	if err := tx.Conn().Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tx.Commit(t.Context())
}

// gaveUp sends a statement that does not end by itself and gives up once the server is at it.
func gaveUp(t *testing.T, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithCancel(t.Context())
	tx := begin(t, pool)
	holder := begin(t, pool)
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_xact_lock(1)"); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(1)")
		result <- err
	}()
	awaitWaiter(t, pool)
	cancel()
	return <-result
}

// awaitWaiter returns when a session waits for the advisory lock. The server is asked again and again: it does not
// tell by itself.
func awaitWaiter(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for t.Context().Err() == nil {
		if value[bool](t, pool, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory')`) {
			return
		}
	}
	t.Fatal("nobody waits")
}

// lostAtCommit loses the connection after the COMMIT was sent and before its answer is read; and the server did commit.
func lostAtCommit(t *testing.T, pool *pgxpool.Pool) error {
	cfg := pool.Config().ConnConfig
	line := &fragileConn{}
	cfg.DialFunc = func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		line.Conn, err = new(net.Dialer).DialContext(ctx, network, addr)
		return line, err
	}
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES (7, 'there')"); err != nil {
		t.Fatal(err)
	}
	line.breakOn = []byte("commit")
	err = tx.Commit(t.Context())
	if n := value[int](t, pool, "SELECT count(*) FROM notes WHERE id = 7"); n != 1 {
		t.Error("the server did not commit; the case is not the one meant")
	}
	return err
}

// fragileConn breaks when the answer to a certain message is to be read; the message itself goes out, and the server
// is given the time to answer it.
type fragileConn struct {
	net.Conn
	breakOn []byte
	broken  atomic.Bool
}

func (c *fragileConn) Write(b []byte) (int, error) {
	if c.breakOn != nil && bytes.Contains(b, c.breakOn) {
		c.broken.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *fragileConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.broken.Load() {
		return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
	}
	return n, err
}

func unreachable(t *testing.T, _ *pgxpool.Pool) error {
	_, err := pgx.Connect(t.Context(), "postgres://x@127.0.0.1:1/x")
	return err
}
