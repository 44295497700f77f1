package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/config"
	"passbook/internal/embedded"
	"passbook/internal/localissuer"
	"passbook/internal/natskit"
	"passbook/internal/service"
	"passbook/internal/supervise"
	"passbook/internal/telemetry"
)

type upCommand struct {
	stateFlag   `embed:""`
	CommandAddr string        `help:"Where the command API listens." default:":8080"`
	QueryAddr   string        `help:"Where the query API listens." default:":8081"`
	OpsAddr     string        `help:"Where health, metrics and the local issuer listen." default:":8082"`
	PgPort      int           `help:"Open the private Postgres on this loopback port, too, for psql; 0: its socket only." default:"0"`
	Clearing    clearingFlags `embed:"" prefix:"clearing-"`
	NoClearing  bool          `help:"Open no clearing house on the embedded NATS: payments go to the one that listens there, if one does."`
	NatsPort    int           `help:"Open the embedded NATS on this loopback port; 0: inside the process only." default:"0"`
}

// bank is a whole bank in one process, as far as it was started.
type bank struct {
	environ  map[string]string
	log      *slog.Logger
	postgres *embedded.Postgres // nil when an outside one is used
	nats     *embedded.NATS     // likewise
	parts    []supervise.Part

	inProcess natskit.Config // of the embedded NATS
	local     bool           // tokens are the local issuer's
	ops       service.Ops

	command, query, projector, webhooks *service.Service
	clearing                            []*service.Service // one, or none
}

// Run starts everything, says where it is, and runs until ctx is done.
func (c upCommand) Run(ctx context.Context, t terminal) (err error) {
	service.TuneCollector()
	b := &bank{environ: c.environment(t.environ), log: service.NewLogger(t.stderr, logConfig(t.environ), "")}
	defer func() { err = errors.Join(err, b.stopServers(ctx)) }()
	if err := b.startPostgres(ctx, c); err != nil {
		return err
	}
	if err := b.startNATS(ctx, c); err != nil {
		return err
	}
	return b.run(ctx, c, t)
}

// environment is the services' configuration: what the user set, with the flags on top.
func (c upCommand) environment(environ map[string]string) map[string]string {
	e := maps.Clone(environ)
	e["OPS_ADDR"] = c.OpsAddr
	return e
}

func logConfig(environ map[string]string) config.Log {
	cfg := config.Log{LogFormat: config.FormatText}
	_ = cfg.LogLevel.UnmarshalText([]byte(environ["LOG_LEVEL"])) // what is wrong with it is said by the services' own loading
	if environ["LOG_FORMAT"] == string(config.FormatJSON) {
		cfg.LogFormat = config.FormatJSON
	}
	return cfg
}

func (b *bank) startPostgres(ctx context.Context, c upCommand) error {
	if b.environ["DATABASE_URL"] != "" || b.environ["DATABASE_URL_FILE"] != "" {
		return nil
	}
	pg, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{StateDir: c.dir(), Port: c.PgPort, Durable: true, Log: b.log})
	if err != nil {
		return err
	}
	b.postgres = pg
	b.environ["DATABASE_URL"] = pg.URL("postgres")
	b.parts = append(b.parts, supervise.Part{Name: "postgres", Stage: supervise.Resources, Run: func(ctx context.Context) error {
		select {
		case <-ctx.Done(): // it is stopped after everything that uses it
			return nil
		case <-pg.Done():
			return fmt.Errorf("the private Postgres ended: %w", pg.Err())
		}
	}})
	return nil
}

func (b *bank) startNATS(ctx context.Context, c upCommand) error {
	if b.environ["NATS_URL"] != "" {
		return nil
	}
	server, err := embedded.StartNATS(ctx, embedded.NATSConfig{StateDir: c.dir(), Port: c.NatsPort, Log: b.log})
	if err != nil {
		return err
	}
	b.nats = server
	b.environ["NATS_URL"] = "nats://in-process"
	b.inProcess = natskit.Config{Options: server.ConnectOptions()}
	return nil
}

func (b *bank) stopServers(ctx context.Context) (err error) {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), embedded.StopGrace)
	defer cancel()
	if b.nats != nil {
		err = b.nats.Stop(limit)
	}
	if b.postgres != nil {
		err = errors.Join(err, b.postgres.Stop(limit))
	}
	return err
}

// openIssuer makes the local issuer the door, unless an outside one is configured.
func (b *bank) openIssuer(c upCommand, opsAddr net.Addr) error {
	if b.environ["AUTH_ISSUER"] != "" {
		return nil
	}
	issuer, err := localissuer.Open(c.dir())
	if err != nil {
		return err
	}
	b.local = true
	b.ops.Handlers = map[string]http.Handler{localissuer.Path + "/": issuer.Handler()}
	b.environ["AUTH_ISSUER"] = localissuer.ID
	b.environ["AUTH_DISCOVERY_URL"] = localURL(opsAddr) + localissuer.Path
	return nil
}

func (b *bank) run(ctx context.Context, c upCommand, t terminal) (err error) {
	b.ops.Registry = telemetry.NewRegistry("passbook")
	if b.ops.Listener, err = service.Listen(ctx, c.OpsAddr); err != nil {
		return err
	}
	if err := b.openIssuer(c, b.ops.Listener.Addr()); err != nil {
		return err
	}
	process, err := b.openServices(ctx, c)
	if err != nil {
		return err
	}
	if err := b.introduce(t.stdout, c); err != nil {
		return err
	}
	services := append([]*service.Service{b.command, b.query, b.projector, b.webhooks}, b.clearing...)
	return service.RunAll(ctx, b.log, process, b.ops, b.parts, services...)
}

// openServices opens the four services, each with the configuration that its own binary would read.
func (b *bank) openServices(ctx context.Context, c upCommand) (config.Process, error) {
	commandAPI, err1 := config.LoadCommandAPI(b.with("HTTP_ADDR", c.CommandAddr))
	queryAPI, err2 := config.LoadQueryAPI(b.with("HTTP_ADDR", c.QueryAddr))
	projector, err3 := config.LoadProjector(b.environ)
	webhooks, err4 := config.LoadWebhooks(b.environ)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return config.Process{}, err
	}
	var err error
	if b.command, err = service.CommandAPI(ctx, commandAPI, b.runtime("command-api")); err != nil {
		return config.Process{}, err
	}
	if b.query, err = service.QueryAPI(ctx, queryAPI, b.runtime("query-api")); err != nil {
		return config.Process{}, err
	}
	if b.projector, err = service.Projector(ctx, projector, b.runtime("projector")); err != nil {
		return config.Process{}, err
	}
	if b.webhooks, err = service.Webhooks(ctx, webhooks, b.runtime("webhooks")); err != nil {
		return config.Process{}, err
	}
	return commandAPI.Process, b.openClearing(ctx, c, commandAPI)
}

// openClearing opens a clearing house on the embedded NATS. On another NATS the payments go to the one that listens there.
func (b *bank) openClearing(ctx context.Context, c upCommand, cfg config.CommandAPI) error {
	if c.NoClearing || b.nats == nil {
		return nil
	}
	house, err := service.ClearingHouse(ctx, b.inProcess, cfg.ClearingSubject, c.Clearing.rates(), b.runtime("clearing"))
	if err != nil {
		return err
	}
	b.clearing = append(b.clearing, house)
	return nil
}

func (b *bank) with(name, value string) map[string]string {
	e := maps.Clone(b.environ)
	e[name] = value
	return e
}

// runtime is the process as one service sees it: its metrics stand beside those of the others.
func (b *bank) runtime(name string) service.Runtime {
	return service.Runtime{
		Log: b.log.With("service", name), NATS: b.inProcess,
		Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"service": name}, b.ops.Registry),
	}
}
