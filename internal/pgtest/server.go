package pgtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"passbook/internal/embedded"
)

const (
	dirPattern = "passbook-pgtest-"
	sweepAge   = 5 * time.Minute
)

// server is the Postgres the tests of one process share.
type server struct {
	mu        sync.Mutex // one start; one CREATE DATABASE at a time, they exclude each other anyway
	started   bool
	startErr  error
	url       string // of the maintenance database
	nonce     string // in the names of databases: another process may use the same outside server
	private   *embedded.Postgres
	dir       string
	templates map[string]bool
}

// start starts the server once; a failure is remembered, so that a hundred tests do not each wait for it.
func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return s.startErr
	}
	s.started = true
	s.nonce = rand.Text()[:8]
	s.templates = make(map[string]bool)
	if outside := os.Getenv(EnvURL); outside != "" {
		s.url = outside
		return nil
	}
	s.startErr = s.startPrivate(ctx)
	return s.startErr
}

func (s *server) startPrivate(ctx context.Context) (err error) {
	sweep(tempRoot())
	if s.dir, err = os.MkdirTemp(tempRoot(), dirPattern); err != nil {
		return fmt.Errorf("make a directory for the server: %w", err)
	}
	// The server's user must be able to enter, but nobody needs to list.
	if err := os.Chmod(s.dir, 0o711); err != nil { //nolint:gosec // the account that Postgres runs under passes through it
		return fmt.Errorf("open the directory: %w", err)
	}
	s.private, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{
		StateDir: s.dir,
		Settings: map[string]string{"shared_buffers": "64MB", "max_wal_size": "1GB"},
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(s.dir))
	}
	s.url = s.private.URL("postgres")
	return nil
}

// tempRoot is the system's temporary directory even where TMPDIR points into somebody's closed home: under root the
// server is another user.
func tempRoot() string {
	if os.Geteuid() == 0 {
		return "/tmp"
	}
	return cmp.Or(os.TempDir(), "/tmp")
}

// sweep removes the directories of test processes that ended without Run, by a timeout or a kill. A directory whose lock is
// taken is in use; a young one may be about to be.
func sweep(root string) {
	dirs, _ := filepath.Glob(filepath.Join(root, dirPattern+"*")) // the pattern is well formed
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err == nil && time.Since(info.ModTime()) > sweepAge && embedded.Unused(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}

func (s *server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.private == nil {
		return nil
	}
	ctx, cancel := cleanUpContext()
	defer cancel()
	return errors.Join(s.private.Stop(ctx), os.RemoveAll(s.dir))
}

func (s *server) databaseURL(name string) string {
	if s.private != nil {
		return s.private.URL(name)
	}
	u, err := url.Parse(s.url)
	if err != nil {
		panic(EnvURL + " must be a postgres:// URL: " + err.Error())
	}
	u.Path = "/" + name
	return u.String()
}

// admin lends a connection to the maintenance database.
func (s *server) admin(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return do(conn)
}
