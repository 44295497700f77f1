package service

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/internal/actions"
	"passbook/internal/config"
	"passbook/internal/eventcodec"
	"passbook/internal/pgkit"
	"passbook/internal/telemetry"
	"passbook/readmodel"
	"passbook/readmodel/rebuild"
)

// RebuildConns is how many connections a rebuild has use for.
const RebuildConns = 14

// NewRebuilder returns what makes and exchanges generations of the read models, for operators and for projectors. The pool should
// have RebuildConns connections. More parked accounts than parkedMax end a rebuild.
func NewRebuilder(pool *pgxpool.Pool, parkedMax int, log *slog.Logger) (*rebuild.Rebuilder, error) {
	codec, err := eventcodec.New()
	if err != nil {
		return nil, err
	}
	config := readmodel.DefaultConfig()
	config.ParkedMax, config.Build = parkedMax, telemetry.Version()
	return rebuild.New(rebuild.Parts{Pool: pool, Log: eventstore.New(pool), Decoder: codec, Logger: log, Config: config}), nil
}

// selfRebuild is a readmodel.Rebuilder with connections of its own, which leaves a record as an operator would.
type selfRebuild struct {
	database  config.Database
	parkedMax int
	log       *slog.Logger
}

// Rebuild implements readmodel.Rebuilder.
func (s selfRebuild) Rebuild(ctx context.Context, p readmodel.Projector) error {
	pool, err := pgkit.Open(ctx, pgkit.Config{
		URL: string(s.database.DatabaseURL), Role: s.database.DatabaseRole, ApplicationName: "passbook rebuild", MaxConns: RebuildConns})
	if err != nil {
		return err
	}
	defer pool.Close()
	rebuilder, err := NewRebuilder(pool, s.parkedMax, s.log)
	if err != nil {
		return err
	}
	holder := Instance("projector")
	auto := rebuild.Auto{Rebuilder: rebuilder, Options: rebuild.Options{Holder: holder, StartedBy: holder}, Record: s.record(pool, p)}
	return auto.Rebuild(ctx, p)
}

func (s selfRebuild) record(pool *pgxpool.Pool, p readmodel.Projector) func(context.Context, func() error) error {
	return func(ctx context.Context, do func() error) error {
		running, err := actions.Begin(ctx, pool, actions.Action{
			Actor: "projector", Command: "projector rebuild", Arguments: []string{"rebuild", p.Name}, Reason: "the code is newer than the live generation"})
		if err != nil {
			return err
		}
		outcome, detail := actions.Done, ""
		failure := do()
		if failure != nil {
			outcome, detail = actions.Failed, failure.Error()
		}
		if err := running.End(ctx, outcome, detail); err != nil {
			s.log.WarnContext(ctx, "the end of the rebuild is not on record", "error", err)
		}
		return failure
	}
}
