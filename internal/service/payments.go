package service

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/clearing"
	"passbook/internal/config"
	"passbook/internal/eventcodec"
	"passbook/internal/lease"
	"passbook/internal/natsclearing"
	"passbook/internal/natskit"
	"passbook/internal/supervise"
	"passbook/process"
)

// payments adds the process that carries payments through, and the way to the clearing house. It is told to stop before the
// processor, whose caller it is.
func (s *Service) payments(ctx context.Context, cfg config.CommandAPI, rt Runtime, pool *pgxpool.Pool, bank process.Executor) (*process.Process, error) {
	codec, err := eventcodec.New()
	if err != nil {
		return nil, err
	}
	var gateway process.Gateway = process.NoGateway{}
	client, err := s.clearingClient(ctx, cfg, rt)
	if err != nil {
		return nil, err
	}
	if client != nil {
		gateway = client
	}
	stake := lease.New(pool, process.LeaseName, Instance(s.Name), leaseTTL, rt.Log)
	p := process.New(pool, stake, bank, gateway, codec.Payload, processConfig(cfg.Payments), rt.Log, rt.Metrics)
	if bool(cfg.PaymentProcess) {
		s.add("payments", supervise.Servers, p.Run)
	}
	if client != nil { // answers are taken by whoever hears them, leader or not
		s.add("answers of the clearing house", supervise.Servers, func(ctx context.Context) error { return client.Listen(ctx, p.Answer) })
	}
	return p, nil
}

// clearingClient is nil when there is no NATS to reach a clearing house by.
func (s *Service) clearingClient(ctx context.Context, cfg config.CommandAPI, rt Runtime) (*natsclearing.Client, error) {
	address := s.natsConfig(cfg.NATS, rt, "clearing")
	if address.URL == "" && address.Options == nil {
		return nil, nil
	}
	conn, err := natskit.Connect(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("clearing: %w", err)
	}
	s.own("nats of clearing", func(ctx context.Context) error { return natskit.Close(ctx, conn) })
	return natsclearing.NewClient(conn, cfg.ClearingSubject, rt.Log), nil
}

func processConfig(cfg config.Payments) process.Config {
	policy := process.DefaultPolicy()
	policy.StatusEvery, policy.BackoffMax, policy.StuckAfter, policy.Grace = cfg.PaymentStatusEvery, cfg.PaymentBackoffMax, cfg.PaymentStuckAfter, cfg.PaymentGrace
	policy.StatusAfter = min(policy.StatusAfter, cfg.PaymentStatusEvery)
	policy.BackoffFirst = min(policy.BackoffFirst, cfg.PaymentBackoffMax)
	return process.Config{Policy: policy, Concurrency: cfg.PaymentConcurrency, GatewayTimeout: cfg.ClearingTimeout, CommandTimeout: commandMax}
}

// commandMax bounds a command of the process: by then its outcome is known, or will not be for a while.
const commandMax = 15 * time.Second

// ClearingHouse is a local clearing house behind NATS.
func ClearingHouse(ctx context.Context, nats natskit.Config, subject string, rates clearing.Rates, rt Runtime) (*Service, error) {
	s := &Service{Name: "clearing"}
	nats.Name, nats.Log = "passbook clearing house", rt.Log
	conn, err := natskit.Connect(ctx, nats)
	if err != nil {
		return nil, fmt.Errorf("clearing house: %w", err)
	}
	house := clearing.New(rates.Plan(), rt.Log)
	s.add("house", supervise.Transport, func(ctx context.Context) error { return natsclearing.Serve(ctx, conn, subject, house, rt.Log) })
	s.own("nats", func(ctx context.Context) error { return natskit.Close(ctx, conn) })
	return s, nil
}
