package service

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/command"
	"passbook/command/forward"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/eventstore/relay"
	"passbook/httpapi/commandapi"
	"passbook/internal/config"
	"passbook/internal/lease"
	"passbook/internal/natskit"
	"passbook/internal/supervise"
	"passbook/webhook"
)

// CommandAPI is the write side: the HTTP server, the command processor and, unless it is switched off, the relay. When it
// fails, it leaves nothing open.
func CommandAPI(ctx context.Context, cfg config.CommandAPI, rt Runtime) (*Service, error) {
	s := &Service{Name: "command-api"}
	pool, err := s.openDatabase(ctx, cfg.Database, true, rt.Log)
	if err != nil {
		return nil, err
	}
	if err := s.buildCommandAPI(ctx, cfg, rt, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) buildCommandAPI(ctx context.Context, cfg config.CommandAPI, rt Runtime, pool *pgxpool.Pool) error {
	store := eventstore.New(pool)
	var listeners []interface{ Notify() } // to commits; complete before any part runs
	notify := func() {
		for _, l := range listeners {
			l.Notify()
		}
	}
	if bool(cfg.Relay) {
		r, err := s.relay(ctx, cfg, rt, pool, store)
		if err != nil {
			return err
		}
		listeners = append(listeners, r)
	}
	thresholds, err := thresholdsOf(cfg.ApprovalThresholds)
	if err != nil {
		return err
	}
	processor, err := command.New(store, command.Config{
		Approvals: command.Approvals{Thresholds: thresholds, Expiry: cfg.ApprovalExpiry},
		QueueMax:  cfg.QueueMax, QueueAge: cfg.QueueAge, QueueDelay: cfg.QueueDelay, BatchMax: cfg.BatchMax, CacheBytes: int64(cfg.CacheBytes), SnapshotEvery: snapshotEvery(cfg.SnapshotEvery),
	}, commandapi.Render, notify, rt.Log, rt.Metrics)
	if err != nil {
		return err
	}
	s.add("processor", supervise.Processors, processor.Run)
	if err := s.forward(ctx, cfg, rt, pool, processor); err != nil {
		return err
	}
	payments, err := s.payments(ctx, cfg, rt, pool, processor)
	if err != nil {
		return err
	}
	listeners = append(listeners, payments)
	verifier, err := s.verifier(cfg.Auth, rt.Log)
	if err != nil {
		return err
	}
	finder, err := command.NewFinder(store)
	if err != nil {
		return err
	}
	limits := commandapi.Limits{BulkTimeout: cfg.BulkTimeout, BulkMax: cfg.BulkMax}
	doors, err := s.doors("command", cfg.HTTP, cfg.Process, verifier, rt, pool)
	if err != nil {
		return err
	}
	subscriptions := webhook.NewStore(pool, webhookPolicy(cfg.WebhookAddresses), webhook.Limits{InAll: cfg.WebhooksMax, OfCaller: cfg.WebhooksPerCaller, ReplayMax: int64(cfg.WebhooksReplayMax)})
	server, err := commandapi.New(doors, limits, processor, finder, subscriptions) //nolint:contextcheck // its handlers have contexts of their own
	if err != nil {
		return err
	}
	return s.serve(ctx, server, cfg.HTTPAddr, rt.Log)
}

// relay adds the relay. Its connection to NATS may come up later: commands do not need it.
func (s *Service) relay(ctx context.Context, cfg config.CommandAPI, rt Runtime, pool *pgxpool.Pool, store *eventstore.Store) (*relay.Relay, error) {
	conn, err := natskit.Connect(ctx, s.natsConfig(cfg.NATS, rt, ""))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	limits := relay.DefaultConfig()
	limits.MaxAge, limits.MaxBytes = cfg.NATSStreamMaxAge, int64(cfg.NATSStreamMaxBytes)
	leader := lease.New(pool, "relay", Instance(s.Name), leaseTTL, rt.Log)
	r, err := relay.New(store, conn, leader, limits, rt.Log, rt.Metrics)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.add("relay", supervise.Transport, r.Run)
	s.own("nats", func(ctx context.Context) error { return natskit.Close(ctx, conn) })
	return r, nil
}

// forward has one of several instances decide for all of them. Without NATS, or while it is away, each decides for itself.
func (s *Service) forward(ctx context.Context, cfg config.CommandAPI, rt Runtime, pool *pgxpool.Pool, processor *command.Processor) error {
	address := s.natsConfig(cfg.NATS, rt, "forward")
	if !bool(cfg.Forward) || address.URL == "" && address.Options == nil {
		return nil
	}
	conn, err := natskit.Connect(ctx, address) // of its own: commands do not wait behind the relay's events
	if err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	stake := lease.New(pool, forward.LeaseName, Instance(s.Name), leaseTTL, rt.Log)
	f := forward.New(conn, stake, processor, rt.Log, rt.Metrics)
	processor.DecideElsewhere(f)
	s.add("decider", supervise.Readiness, f.Compete) // given up first, so that another one decides while this one stops
	s.add("forward", supervise.Transport, f.Run)
	s.own("nats of forward", func(ctx context.Context) error { return natskit.Close(ctx, conn) })
	return nil
}

// snapshotEvery is the processor's word for the configured one: there 0 means none, here it means the default.
func snapshotEvery(configured int) int64 {
	if configured == 0 {
		return -1
	}
	return int64(configured)
}

// thresholdsOf are the configured ones, of currencies that there are.
func thresholdsOf(configured config.Thresholds) (map[money.Currency]money.Amount, error) {
	thresholds := make(map[money.Currency]money.Amount, len(configured))
	for code, amount := range configured {
		currency, err := money.ParseCurrency(code)
		if err != nil {
			return nil, fmt.Errorf("APPROVAL_THRESHOLDS: %w", err)
		}
		thresholds[currency] = money.Amount(amount)
	}
	return thresholds, nil
}
