package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/internal/config"
	"passbook/internal/natskit"
	"passbook/internal/service"
	"passbook/readmodel"
	"passbook/readmodel/feed"
)

// machinery is the database and, where NATS_URL is set, the stream.
type machinery struct {
	pool    *pgxpool.Pool
	queries *readmodel.Queries
	feed    *feed.Feed // nil without NATS_URL
	wanted  []string
	close   func()
}

func (t *terminal) machinery(ctx context.Context) (*machinery, error) {
	cfg, err := config.LoadOperator(t.environ)
	if err != nil {
		return nil, err
	}
	pool, err := t.database(ctx)
	if err != nil {
		return nil, err
	}
	m := &machinery{pool: pool, queries: readmodel.NewQueries(pool), wanted: cfg.Projections, close: pool.Close}
	if cfg.NATSURL == "" {
		return m, nil
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil)) // that it is away is part of the result
	address := service.NATS(cfg.NATS, "projector")
	address.Name, address.Log = "passbook projector command", log
	conn, err := natskit.Connect(ctx, address)
	if err != nil {
		pool.Close()
		return nil, err
	}
	m.close = func() {
		conn.Close()
		pool.Close()
	}
	if m.feed, err = feed.New(conn, eventstore.New(pool), feed.DefaultConfig(), log); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// streamTimeout bounds one look at the stream.
const streamTimeout = 3 * time.Second

// status reads the state, the stream by its own eyes where it has any.
func (m *machinery) status(ctx context.Context) (readmodel.Status, error) {
	status, err := m.queries.Status(ctx, m.wanted...)
	if err != nil || m.feed == nil {
		return status, err
	}
	limited, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	seen, err := m.feed.Inspect(limited)
	if err != nil {
		seen.Cause = err.Error()
	}
	seen.ObservedAt = status.ReadAt // by the database's clock, which the rest is by
	return status, m.queries.See(ctx, &status, seen)
}
