package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/httpapi/ops"
	"passbook/internal/auditor"
	"passbook/internal/config"
	"passbook/internal/denials"
	"passbook/internal/eventcodec"
	"passbook/internal/lease"
	"passbook/internal/natskit"
	"passbook/internal/supervise"
	"passbook/internal/telemetry"
	"passbook/readmodel"
	"passbook/readmodel/feed"
	"passbook/readmodel/observer"
)

// Projector keeps the read models up to date. When it fails, it leaves nothing open.
func Projector(ctx context.Context, cfg config.Projector, rt Runtime) (*Service, error) {
	s := &Service{Name: "projector"}
	projections, err := chosen(cfg.Projections)
	if err != nil {
		return nil, err
	}
	pool, err := s.openDatabase(ctx, cfg.Database, true, rt.Log)
	if err != nil {
		return nil, err
	}
	if err := s.buildProjector(ctx, cfg, rt, pool, projections); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) buildProjector(ctx context.Context, cfg config.Projector, rt Runtime, pool *pgxpool.Pool, projections []readmodel.Projector) error {
	codec, err := eventcodec.New()
	if err != nil {
		return err
	}
	store := eventstore.New(pool)
	conn, err := natskit.Connect(ctx, s.natsConfig(cfg.NATS, rt, ""))
	if err != nil {
		return err
	}
	source, err := feed.New(conn, store, feed.DefaultConfig(), rt.Log)
	if err != nil {
		conn.Close()
		return err
	}
	limits := readmodel.DefaultConfig()
	limits.Holder, limits.ParkedMax, limits.Build = Instance(s.Name), cfg.ParkedMax, telemetry.Version()
	engine, err := readmodel.NewEngine(readmodel.Parts{
		Pool: pool, Log: store, Source: feed.Share(source, feed.ConsumerName(limits.Holder), limits.Batch*sharedBatches), Decoder: codec, Projectors: projections, Registry: rt.Metrics, Logger: rt.Log,
		Rebuilder: selfRebuild{cfg.Database, cfg.ParkedMax, rt.Log},
	}, limits)
	if err != nil {
		conn.Close()
		return err
	}
	s.own("nats", func(ctx context.Context) error { return natskit.Close(ctx, conn) })
	s.add("projections", supervise.Processors, engine.Run)
	s.observe(rt, pool, source, projections)
	s.add("audit retention", supervise.Processors, denials.NewRetention(pool, cfg.AuditRetention, rt.Log).Run)
	if cfg.Verify {
		s.verify(cfg, rt, pool, codec)
	}
	return nil
}

// verify proves the read models again and again; one instance does it for all.
func (s *Service) verify(cfg config.Projector, rt Runtime, pool *pgxpool.Pool, codec *eventcodec.Codec) {
	limits := auditor.DefaultContinuousConfig()
	limits.Rate = cfg.VerifyRate
	c := auditor.NewContinuous(pool, codec, limits, rt.Log, rt.Metrics)
	leader := lease.New(pool, "verifier", Instance(s.Name), leaseTTL, rt.Log)
	s.add("verification", supervise.Processors, func(ctx context.Context) error {
		return leader.Run(ctx, func(ctx context.Context, _ int64) error { return c.Run(ctx) })
	})
}

// sharedBatches is how many full transactions a projection may be behind the others of its process before it goes by the log.
const sharedBatches = 4

// observe makes known how the projections are; the process is ready while they follow the log.
func (s *Service) observe(rt Runtime, pool *pgxpool.Pool, stream readmodel.Stream, projections []readmodel.Projector) {
	names := make([]string, len(projections))
	for i, p := range projections {
		names[i] = p.Name
	}
	o := observer.New(observer.Parts{
		Pool: pool, Stream: stream, Wanted: names, Holder: Instance(s.Name), Log: rt.Log, Registry: rt.Metrics,
	})
	s.add("observer", supervise.Processors, o.Run)
	s.Checks = append(s.Checks, ops.Check{Name: s.Name + " projections", Ready: o.Healthy})
}

// chosen finds projections by name.
func chosen(names []string) ([]readmodel.Projector, error) {
	all := readmodel.Projectors()
	known := make([]string, len(all))
	for i, p := range all {
		known[i] = p.Name
	}
	var found []readmodel.Projector
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, fmt.Errorf("PROJECTIONS: there is no %q; there are %s", name, strings.Join(known, ", "))
		}
		found = append(found, all[i])
	}
	return found, nil
}
