// Package natskit connects to NATS the way every binary needs it: a connection, once made, tries for ever to come
// back, says so in the log, and never hides that it is away by keeping messages back.
package natskit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	connectTimeout   = 3 * time.Second
	reconnectWait    = 250 * time.Millisecond
	reconnectJitter  = 250 * time.Millisecond
	pingInterval     = 10 * time.Second
	pingsOutstanding = 2 // a silent peer is given up after twice the interval
)

// Config says which server to use and as whom.
type Config struct {
	// URL of one server, or of several separated by commas. It may be empty when Options name an in-process server.
	URL string
	// Name is what the server shows for this connection.
	Name string
	// CredsFile, when set, holds the user's JWT and key; NKeyFile the seed of a user that is known by its public key alone.
	CredsFile, NKeyFile string
	// CAFile, when set, holds the certificates of those who may vouch for the server, and no others may; the connection is
	// encrypted then, or not made. CertFile and KeyFile are what we show a server that asks. They are read again with every
	// connection that is made, so that they may be exchanged.
	CAFile, CertFile, KeyFile string
	// Inbox, when set, is what the subjects of answers to us begin with, so that a server can keep users out of each other's.
	Inbox string
	// Options are added last: those of an embedded server, say.
	Options []nats.Option
	// Log hears when the connection is lost and when it is back; nil is silent.
	Log *slog.Logger
}

// Connect returns a connection. The first attempt is bounded by ctx and a few seconds; when no server answers it, the
// connection is returned all the same and goes on trying, because the bank works without NATS and catches up. The
// error is for what no waiting cures: an URL or a credentials file that cannot be read. While it is away, publishing
// fails at once and nothing is buffered. Close it with Close.
func Connect(ctx context.Context, cfg Config) (*nats.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	options := cfg.options(ctx)
	if cfg.NKeyFile != "" {
		key, err := nats.NkeyOptionFromSeed(cfg.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("connect to nats: read key of the user: %w", err)
		}
		options = append(options, key)
	}
	conn, err := nats.Connect(cfg.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	if !conn.IsConnected() {
		cfg.Log.WarnContext(ctx, "nats does not answer yet, trying on", "name", cfg.Name)
	}
	return conn, nil
}

func (cfg Config) options(ctx context.Context) []nats.Option {
	options := []nats.Option{
		nats.Name(cfg.Name),
		nats.Timeout(firstTimeout(ctx)),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials may be mended while we wait
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOutstanding),
	}
	options = append(options, cfg.handlers()...)
	if cfg.CredsFile != "" {
		options = append(options, nats.UserCredentials(cfg.CredsFile))
	}
	if cfg.CAFile != "" {
		options = append(options, nats.RootCAs(cfg.CAFile))
	}
	if cfg.CertFile != "" {
		options = append(options, nats.ClientCert(cfg.CertFile, cfg.KeyFile))
	}
	if cfg.Inbox != "" {
		options = append(options, nats.CustomInboxPrefix(cfg.Inbox))
	}
	return append(options, cfg.Options...)
}

func firstTimeout(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return connectTimeout
	}
	return min(connectTimeout, time.Until(deadline))
}

func (cfg Config) handlers() []nats.Option {
	log := cfg.Log.With("connection", cfg.Name)
	return []nats.Option{
		nats.ConnectHandler(func(c *nats.Conn) { log.Info("nats connected", "server", c.ConnectedUrlRedacted()) }),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("nats is back", "server", c.ConnectedUrlRedacted()) }),
		nats.DisconnectErrHandler(func(c *nats.Conn, err error) {
			if !c.IsClosed() {
				log.Warn("nats connection lost, trying on", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if sub != nil {
				log.Error("nats subscription", "subject", sub.Subject, "error", err)
				return
			}
			log.Error("nats", "error", err)
		}),
	}
}

// Close sends what was published, as long as ctx lasts and the server is there, and closes the connection.
func Close(ctx context.Context, conn *nats.Conn) error {
	defer conn.Close()
	if !conn.IsConnected() {
		return nil
	}
	if _, ok := ctx.Deadline(); !ok { // which the flush insists on
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, connectTimeout)
		defer cancel()
	}
	if err := conn.FlushWithContext(ctx); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("flush nats connection: %w", err)
	}
	return nil
}
