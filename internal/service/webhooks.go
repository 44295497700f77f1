package service

import (
	"context"

	"passbook/httpapi/queryapi"
	"passbook/internal/config"
	"passbook/internal/lease"
	"passbook/internal/supervise"
	"passbook/readmodel"
	"passbook/webhook"
	"passbook/webhook/delivery"
)

// Webhooks tells subscribers what happens. It needs the database, and the way out.
func Webhooks(ctx context.Context, cfg config.Webhooks, rt Runtime) (*Service, error) {
	s := &Service{Name: "webhooks"}
	pool, err := s.openDatabase(ctx, cfg.Database, true, rt.Log)
	if err != nil {
		return nil, err
	}
	stake := lease.New(pool, delivery.LeaseName, Instance(s.Name), leaseTTL, rt.Log)
	engine := delivery.New(pool, stake, readmodel.NewQueries(pool), queryapi.PublicEvent, webhookPolicy(cfg.WebhookAddresses), delivery.Config{
		Concurrency: cfg.WebhooksConcurrency, PerWebhook: cfg.WebhooksPerSubscription, Timeout: cfg.WebhooksTimeout,
		RetryFirst: cfg.WebhooksRetryFirst, RetryMax: cfg.WebhooksRetryMax, AttemptsMax: cfg.WebhooksAttemptsMax, GiveUpAfter: cfg.WebhooksGiveUpAfter,
		DisableAfter: cfg.WebhooksDisableAfter, PendingMax: cfg.WebhooksPendingMax, Retention: cfg.WebhooksRetention,
	}, rt.Log, rt.Metrics)
	s.add("deliveries", supervise.Processors, engine.Run)
	return s, nil
}

// webhooks is the reader under a name that it can be embedded by beside others.
type webhooks = webhook.Reader

func webhookPolicy(cfg config.WebhookAddresses) webhook.Policy {
	return webhook.Policy{Allowed: cfg.WebhooksAllowPrivate.Prefixes()}
}
