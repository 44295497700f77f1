package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// StopGrace is how long Stop waits for a clean shutdown before it asks for an immediate one.
	StopGrace = 20 * time.Second
	// stopLimit is how long an immediate shutdown may take before Stop gives up.
	stopLimit = 10 * time.Second

	superuser      = "postgres"
	socketOnlyPort = 5432 // names the socket file; nothing listens on it
	loopback       = "127.0.0.1"
)

// PostgresConfig says where a private Postgres keeps its state and how it may be reached.
type PostgresConfig struct {
	// StateDir holds everything the server keeps: its data under pgMAJOR, its log, its lock. It is created when missing.
	// Empty means DefaultStateDir.
	StateDir string
	// Port, when positive, opens that port on 127.0.0.1 as well, for psql and the like, behind a password (TCPURL).
	// Zero means the Unix socket only.
	Port int
	// Durable keeps fsync on: an acknowledged commit survives the machine. Only throw-away servers may do without.
	Durable bool
	// Log hears about start, stop and what was found; nil is silent. The server's own log is a file in StateDir.
	Log *slog.Logger
	// Settings are server settings that overrule ours, by name.
	Settings map[string]string
}

// Postgres is a running private server.
type Postgres struct {
	cfg       PostgresConfig
	dir       string // of the state
	install   installation
	account   account
	lock      *dirLock
	socketDir string
	tempDir   string // removed at the end; empty when the socket directory is inside the state
	password  string
	server    *child
	logFile   string
	release   sync.Once
}

// StartPostgres returns when the server answers. ctx bounds the start only; the server runs until Stop. Any error leaves
// no process and no lock behind.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	return startPostgres(ctx, cfg, defaultFinder())
}

func startPostgres(ctx context.Context, cfg PostgresConfig, find finder) (*Postgres, error) {
	p := &Postgres{cfg: cfg.withDefaults()}
	if err := p.start(ctx, find); err != nil {
		p.cleanUp()
		return nil, fmt.Errorf("start private postgres in %s: %w", p.cfg.StateDir, err)
	}
	p.cfg.Log.InfoContext(ctx, "private postgres is up", "version", p.install.version, "binaries", p.install.dir,
		"state", p.dir, "user", p.account.name, "port", p.cfg.Port)
	return p, nil
}

func (cfg PostgresConfig) withDefaults() PostgresConfig {
	if cfg.StateDir == "" {
		cfg.StateDir = DefaultStateDir()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func (p *Postgres) start(ctx context.Context, find finder) error {
	if err := p.claimState(); err != nil {
		return err
	}
	majors, err := clusterMajors(p.dir)
	if err != nil {
		return err
	}
	if err := p.endLeftovers(ctx, majors); err != nil {
		return err
	}
	if p.install, err = find.find(ctx, p.account, majors, p.cfg.Log); err != nil {
		return err
	}
	if err := p.ensureCluster(ctx); err != nil {
		return err
	}
	if err := p.makeSocketDir(); err != nil {
		return err
	}
	if err := p.launch(ctx); err != nil {
		return err
	}
	return p.protectPort(ctx)
}

// claimState makes the directory, takes its lock and makes sure that the server's user can get in.
func (p *Postgres) claimState() (err error) {
	if p.dir, err = makeStateDir(p.cfg.StateDir); err != nil {
		return err
	}
	if p.account, err = serverAccount(p.dir); err != nil {
		return err
	}
	if err = p.account.checkReach(p.dir); err != nil {
		return err
	}
	p.lock, err = lockDir(p.dir, "postgres")
	return err
}

func (p *Postgres) dataDir() string {
	return filepath.Join(p.dir, clusterName(p.install.major))
}

func (p *Postgres) port() int {
	if p.cfg.Port > 0 {
		return p.cfg.Port
	}
	return socketOnlyPort
}

// URL is the superuser's connection string for a database, over the socket, without a password: who may enter the
// socket's directory is the protection.
func (p *Postgres) URL(database string) string {
	query := url.Values{"host": {p.socketDir}, "port": {strconv.Itoa(p.port())}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// TCPURL is the superuser's connection string over 127.0.0.1, password included, or "" when no port was asked for.
func (p *Postgres) TCPURL(database string) string {
	if p.cfg.Port <= 0 {
		return ""
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, p.password),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(p.cfg.Port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Done is closed when the server has ended, by Stop or by itself.
func (p *Postgres) Done() <-chan struct{} {
	return p.server.done
}

// Err says how the server ended; it is nil while it runs and after a clean shutdown.
func (p *Postgres) Err() error {
	select {
	case <-p.server.done:
		return p.server.err
	default:
		return nil
	}
}

// Stop ends the server and frees the state directory. It returns when that is done. When ctx ends first, or after
// StopGrace, clients' sessions are no longer waited for; no commit is lost either way. Calling it again is harmless.
func (p *Postgres) Stop(ctx context.Context) error {
	if err := p.server.stop(ctx); err != nil {
		return fmt.Errorf("stop private postgres: %w", err)
	}
	p.cleanUp()
	p.cfg.Log.InfoContext(ctx, "private postgres has stopped", "state", p.dir)
	return nil
}

// cleanUp frees what start took, as far as it got.
func (p *Postgres) cleanUp() {
	p.release.Do(func() {
		if p.server != nil {
			p.server.kill()
		}
		removeSocketDir(p.tempDir)
		p.lock.unlock()
	})
}

var errStillRunning = errors.New("the server did not end after SIGQUIT")

// stop asks first politely, then firmly. Never SIGTERM: that waits for every client to leave by itself.
func (c *child) stop(ctx context.Context) error {
	c.signal(syscall.SIGINT)
	grace := time.NewTimer(StopGrace)
	defer grace.Stop()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	case <-grace.C:
	}
	c.signal(syscall.SIGQUIT)
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-c.done:
		return nil
	case <-limit.C:
		return errStillRunning
	}
}

// kill ends a server whose start failed, without ceremony, and waits for it.
func (c *child) kill() {
	c.signal(syscall.SIGQUIT)
	select {
	case <-c.done:
	case <-time.After(stopLimit):
		c.signal(syscall.SIGKILL)
		<-c.done
	}
}
