package service

import (
	"context"
	"log/slog"
	"net"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/ratelimit"
	"passbook/httpapi/tlsfiles"
	"passbook/internal/config"
	"passbook/internal/denials"
	"passbook/internal/supervise"
)

// doors is what both APIs are configured with, by name "command" and "query", and the parts behind it: the certificate's files, and the audit
// trail.
func (s *Service) doors(api string, cfg config.HTTP, process config.Process, verifier *auth.Verifier, rt Runtime, pool *pgxpool.Pool) (httpapi.Config, error) {
	doors := httpapi.Config{
		Auth: verifier, Log: rt.Log, Metrics: rt.Metrics, StopTimeout: process.ShutdownTimeout,
		MaxConnections: cfg.HTTPConnectionsMax,
		Browsers:       httpapi.Browsers{Origins: cfg.CORSOrigins, HSTS: cfg.HSTS},
		Proxies:        httpapi.Proxies{Trusted: cfg.TrustedProxies, Standard: cfg.ProxyHeader == config.HeaderForwarded},
		Rates: httpapi.Rates{
			Subject: ratePolicy(cfg.RatePerSubject, cfg.RatePerSubjectBurst),
			Account: ratePolicy(cfg.RatePerAccount, cfg.RatePerAccountBurst),
			Address: ratePolicy(cfg.RatePerAddress, cfg.RatePerAddressBurst),
		},
	}
	if cfg.TLSCertFile != "" {
		files, err := tlsfiles.Open(tlsfiles.Config{
			CertFile: cfg.TLSCertFile, KeyFile: cfg.TLSKeyFile, ClientCAFile: cfg.TLSClientCAFile, API: api, Log: rt.Log, Metrics: rt.Metrics,
		})
		if err != nil {
			return doors, err
		}
		s.add("certificate", supervise.Processors, files.Run)
		s.Secure, doors.TLS = true, files.TLS()
	}
	doors.Trail = s.trail(api, cfg, rt, pool)
	return doors, nil
}

// trail adds the audit trail of what is asked and not granted. It is told to stop after the servers, whose denials it writes.
func (s *Service) trail(api string, cfg config.HTTP, rt Runtime, pool *pgxpool.Pool) *denials.Trail {
	t := denials.New(pool, denials.Config{API: api, PerSecond: cfg.AuditRate}, rt.Log, rt.Metrics)
	s.add("audit trail", supervise.Processors, t.Run)
	return t
}

// ratePolicy is a configured limit. Without a burst of its own it has that of ten seconds.
func ratePolicy(perSecond, burst int) ratelimit.Policy {
	if burst == 0 {
		burst = 10 * perSecond
	}
	return ratelimit.Policy{PerSecond: perSecond, Burst: burst}
}

// server is an HTTP API: *httpapi.Server.
type server interface {
	Run(ctx context.Context, listener net.Listener) error
}

// serve opens the address and adds the server.
func (s *Service) serve(ctx context.Context, api server, address string, log *slog.Logger) error {
	listener, err := Listen(ctx, address)
	if err != nil {
		return err
	}
	s.Addr = listener.Addr()
	log.Info("listening", "service", s.Name, "address", s.Addr.String())
	s.add("http", supervise.Servers, func(ctx context.Context) error { return api.Run(ctx, listener) })
	return nil
}
