package service

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/httpapi/queryapi"
	"passbook/internal/config"
	"passbook/internal/denials"
	"passbook/internal/eventcodec"
	"passbook/internal/supervise"
	"passbook/readmodel"
	"passbook/readmodel/broadcast"
	"passbook/webhook"
)

// QueryAPI is the read side: the HTTP server over the read models. When it fails, it leaves nothing open.
func QueryAPI(ctx context.Context, cfg config.QueryAPI, rt Runtime) (*Service, error) {
	s := &Service{Name: "query-api"}
	pool, err := s.openDatabase(ctx, cfg.Database, true, rt.Log)
	if err != nil {
		return nil, err
	}
	if err := s.buildQueryAPI(ctx, cfg, rt, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) buildQueryAPI(ctx context.Context, cfg config.QueryAPI, rt Runtime, pool *pgxpool.Pool) error {
	verifier, err := s.verifier(cfg.Auth, rt.Log)
	if err != nil {
		return err
	}
	queries := readmodel.NewQueries(pool)
	s.add("reads", supervise.Processors, queries.Run)
	codec, err := eventcodec.New()
	if err != nil {
		return err
	}
	reads := struct {
		*readmodel.Queries
		*readmodel.Explainer
		*denials.Reader
		*webhooks
	}{queries, readmodel.NewExplainer(pool, codec), denials.NewReader(pool), webhook.NewReader(pool)}
	news, err := broadcast.New(queries, broadcast.Config{
		ListenersMax: cfg.StreamsMax, ListenersPerCaller: cfg.StreamsOfCaller, Queue: cfg.StreamQueue, Log: rt.Log, Metrics: rt.Metrics,
	})
	if err != nil {
		return err
	}
	s.add("broadcast", supervise.Processors, news.Run)
	streams := queryapi.Streams{Broadcast: news, Heartbeat: cfg.StreamHeartbeat}
	doors, err := s.doors("query", cfg.HTTP, cfg.Process, verifier, rt, pool)
	if err != nil {
		return err
	}
	server, err := queryapi.New(doors, reads, streams) //nolint:contextcheck // its handlers have contexts of their own
	if err != nil {
		return err
	}
	return s.serve(ctx, server, cfg.HTTPAddr, rt.Log)
}
