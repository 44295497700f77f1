// Package service puts the bank's binaries together: it opens what each needs and returns its parts, for one process each or
// for all in one (passbook up).
package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi/auth"
	"passbook/httpapi/ops"
	"passbook/internal/config"
	"passbook/internal/natskit"
	"passbook/internal/pgkit"
	"passbook/internal/schema"
	"passbook/internal/supervise"
)

// Runtime is what a service is given by the process it runs in.
type Runtime struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// NATS overrules the configuration's address where the server is in this process. Its zero value does not.
	NATS natskit.Config
}

// Service is one binary's work, opened and ready to run.
type Service struct {
	Name   string
	Addr   net.Addr // where its API listens; nil when it has none
	Secure bool     // it does so with TLS
	Parts  []supervise.Part
	Checks []ops.Check // what must hold for it to be ready
}

// add adds a part that lives in the stage.
func (s *Service) add(name string, stage supervise.Stage, run func(ctx context.Context) error) {
	s.Parts = append(s.Parts, supervise.Part{Name: s.Name + ": " + name, Stage: stage, Run: run})
}

// own closes something when everything that leans on it has stopped.
func (s *Service) own(name string, closing func(ctx context.Context) error) {
	s.add(name, supervise.Resources, func(ctx context.Context) error {
		<-ctx.Done()
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeMax)
		defer cancel()
		return closing(limit)
	})
}

const (
	closeMax    = 5 * time.Second
	databaseMax = time.Minute // how long a start waits for Postgres
	leaseTTL    = 5 * time.Second
)

// Instance names this process among those that compete for a lease.
func Instance(service string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%s/%d/%s", service, host, os.Getpid(), rand.Text()[:8])
}

// openDatabase waits for Postgres, brings the schema up to date where that is allowed, and opens the pool under the
// service's role.
func (s *Service) openDatabase(ctx context.Context, cfg config.Database, genericPlans bool, log *slog.Logger) (*pgxpool.Pool, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseMax)
	defer cancel()
	if cfg.Migrate == config.MigrateAuto {
		migrate := func() error { return pgkit.Migrate(ctx, string(cfg.DatabaseURL), log, schema.Sets()...) }
		if err := untilReachable(ctx, log, migrate); err != nil {
			return nil, err
		}
	}
	var pool *pgxpool.Pool
	err := untilReachable(ctx, log, func() (err error) {
		pool, err = pgkit.Open(ctx, pgkit.Config{
			URL: string(cfg.DatabaseURL), Role: cfg.DatabaseRole, ApplicationName: "passbook " + s.Name,
			MaxConns: cfg.DatabaseMaxConns, IdleInTransaction: 10 * time.Second, GenericPlans: genericPlans,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.own("database", func(context.Context) error { pool.Close(); return nil })
	if err := pgkit.Current(ctx, pool, schema.Sets()...); err != nil {
		pool.Close()
		return nil, err
	}
	s.Checks = append(s.Checks, ops.Check{Name: s.Name + " database", Ready: func(ctx context.Context) error {
		return pgkit.Current(ctx, pool, schema.Sets()...)
	}})
	return pool, nil
}

// untilReachable repeats what fails because Postgres is not there yet.
func untilReachable(ctx context.Context, log *slog.Logger, try func() error) error {
	for {
		err := try()
		if err == nil || !pgkit.IsRetryable(err) {
			return err
		}
		log.Warn("waiting for Postgres", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

// natsConfig is the address of NATS, for one connection of the service: the process's own, else the configured one.
func (s *Service) natsConfig(cfg config.NATS, rt Runtime, purpose string) natskit.Config {
	n := rt.NATS
	if n.URL == "" && n.Options == nil {
		n = NATS(cfg, s.Name)
	}
	n.Name, n.Log = strings.TrimSpace("passbook "+s.Name+" "+purpose), rt.Log
	return n
}

// NATS is the configured address. Answers to a binary are sent below its name, where its user alone need be let read.
func NATS(cfg config.NATS, binary string) natskit.Config {
	return natskit.Config{
		URL: string(cfg.NATSURL), CredsFile: cfg.NATSCredsFile, NKeyFile: cfg.NATSNKeyFile,
		CAFile: cfg.NATSCAFile, CertFile: cfg.NATSCertFile, KeyFile: cfg.NATSKeyFile, Inbox: "_INBOX." + binary,
	}
}

// verifier makes the door: whose tokens are accepted.
func (s *Service) verifier(cfg config.Auth, log *slog.Logger) (*auth.Verifier, error) {
	v, err := auth.New(auth.Config{
		Issuer: cfg.AuthIssuer, DiscoveryURL: cfg.AuthDiscoveryURL, Audience: cfg.AuthAudience, Log: log,
		Algorithms: cfg.AuthAlgorithms, Skew: cfg.AuthClockSkew, KeysRefresh: cfg.AuthKeysRefresh, KeysStaleMax: cfg.AuthKeysStaleMax,
	})
	if err != nil {
		return nil, err
	}
	s.add("issuer", supervise.Processors, v.Run)
	s.Checks = append(s.Checks, ops.Check{Name: s.Name + " issuer", Ready: v.Ready})
	return v, nil
}

// Listen opens a TCP address.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}
