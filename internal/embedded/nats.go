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

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/crypto/bcrypt"
)

// RandomPort asks for a port that is free.
const RandomPort = -1

const (
	natsMaxPayload   = 1 << 20
	natsMaxMemory    = 256 << 20 // of JetStream; our streams are on disk
	natsStoreDirName = "jetstream"
	natsUser         = "passbook"
)

// NATSConfig says where an embedded nats-server keeps its streams and how it may be reached.
type NATSConfig struct {
	// StateDir holds the streams, in a directory "jetstream", and the server's lock. It is created when missing.
	// Empty means DefaultStateDir.
	StateDir string
	// Port opens a port on 127.0.0.1, behind a password that URL carries; RandomPort takes a free one. Zero opens
	// none: then only this process can connect, through ConnectOptions.
	Port int
	// Log hears the server's warnings and errors, and at debug level the rest; nil is silent.
	Log *slog.Logger
}

// NATS is a running embedded server. Its streams may be lost at any time without harm: Postgres has the truth.
type NATS struct {
	cfg      NATSConfig
	dir      string
	password string
	lock     *dirLock
	server   *server.Server

	stopOnce sync.Once
	stopped  chan struct{}
}

// StartNATS returns when clients can connect and the streams on disk are recovered. The recovery cannot be cut short:
// when ctx is done by then, the server is stopped again. It runs until Stop. A state directory that another server
// uses is refused with ErrInUse.
func StartNATS(ctx context.Context, cfg NATSConfig) (*NATS, error) {
	n := &NATS{cfg: cfg.withDefaults(), stopped: make(chan struct{})}
	if err := n.start(ctx); err != nil {
		return nil, fmt.Errorf("start embedded nats in %s: %w", n.cfg.StateDir, err)
	}
	n.cfg.Log.InfoContext(ctx, "embedded nats is up", "version", server.VERSION, "streams", n.StoreDir(), "port", n.Port())
	return n, nil
}

func (cfg NATSConfig) withDefaults() NATSConfig {
	if cfg.StateDir == "" {
		cfg.StateDir = DefaultStateDir()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func (n *NATS) start(ctx context.Context) (err error) {
	if n.dir, err = makeStateDir(n.cfg.StateDir); err != nil {
		return err
	}
	if n.lock, err = lockDir(n.dir, "nats"); err != nil {
		return err
	}
	if err := n.launch(ctx); err != nil {
		n.lock.unlock()
		return err
	}
	return nil
}

func (n *NATS) launch(ctx context.Context) error {
	password, err := keptSecret(filepath.Join(n.dir, "nats.password"))
	if err != nil {
		return err
	}
	n.password = password
	options, err := n.options()
	if err != nil {
		return err
	}
	if n.server, err = server.NewServer(options); err != nil {
		return err
	}
	log := &natsLog{log: n.cfg.Log}
	n.server.SetLoggerV2(log, false, false, false)
	n.server.Start() // returns when it listens or has failed
	if err := errors.Join(log.fatal(), ctx.Err()); err != nil {
		n.shutdown()
		return err
	}
	return nil
}

func (n *NATS) options() (*server.Options, error) {
	// The secret is random and long: hashing it slowly would only slow the clients down.
	hash, err := bcrypt.GenerateFromPassword([]byte(n.password), bcrypt.MinCost)
	if err != nil {
		return nil, fmt.Errorf("hash the password: %w", err)
	}
	return &server.Options{
		ServerName:             natsUser,
		Host:                   loopback,
		Port:                   n.cfg.Port,
		DontListen:             n.cfg.Port == 0,
		Username:               natsUser,
		Password:               string(hash),
		JetStream:              true,
		StoreDir:               n.dir,
		JetStreamMaxMemory:     natsMaxMemory,
		MaxPayload:             natsMaxPayload,
		NoSigs:                 true, // signals are the process's business
		DisableJetStreamBanner: true,
	}, nil
}

// Port is the one clients connect to, 0 when there is none.
func (n *NATS) Port() int {
	addr, ok := n.server.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return addr.Port
}

// URL is for clients on this machine, password included, or "" when there is no port.
func (n *NATS) URL() string {
	if n.cfg.Port == 0 {
		return ""
	}
	u := url.URL{Scheme: "nats", User: url.UserPassword(natsUser, n.password), Host: net.JoinHostPort(loopback, strconv.Itoa(n.Port()))}
	return u.String()
}

// ConnectOptions let this process connect without a socket, whether there is a port or not.
func (n *NATS) ConnectOptions() []nats.Option {
	return []nats.Option{nats.InProcessServer(n.server), nats.UserInfo(natsUser, n.password)}
}

// StoreDir is where the streams are. It may be deleted while the server is stopped.
func (n *NATS) StoreDir() string {
	return filepath.Join(n.dir, natsStoreDirName)
}

// Stop closes every connection, writes out the streams and frees the state directory. It returns when that is done or
// ctx ends; then it goes on in the background. Calling it again waits again.
func (n *NATS) Stop(ctx context.Context) error {
	go n.shutdown()
	select {
	case <-n.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop embedded nats: %w", ctx.Err())
	}
}

func (n *NATS) shutdown() {
	n.stopOnce.Do(func() {
		n.server.Shutdown()
		n.server.WaitForShutdown()
		n.lock.unlock()
		close(n.stopped)
	})
}

// natsLog passes the server's words on. What it calls a notice is its diary, worth reading only when something is wrong.
type natsLog struct {
	log *slog.Logger

	mu    sync.Mutex
	cause error
}

func (l *natsLog) Noticef(format string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (l *natsLog) Warnf(format string, v ...any)   { l.log.Warn("nats: " + fmt.Sprintf(format, v...)) }
func (l *natsLog) Errorf(format string, v ...any)  { l.log.Error("nats: " + fmt.Sprintf(format, v...)) }
func (l *natsLog) Debugf(format string, v ...any)  { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (l *natsLog) Tracef(format string, v ...any)  { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }

// Fatalf: the server expects its logger to end the process. It is not the server's process; the start fails instead.
func (l *natsLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause == nil {
		l.cause = fmt.Errorf(format, v...)
	}
}

func (l *natsLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}
