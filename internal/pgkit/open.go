package pgkit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Defaults of Config for fields left zero.
const (
	DefaultMaxConns          = 10
	DefaultConnectTimeout    = 5 * time.Second
	DefaultIdleInTransaction = time.Minute
	maxConnLifetime          = 30 * time.Minute
	maxConnLifetimeJitter    = 3 * time.Minute
	maxConnIdleTime          = 5 * time.Minute
	pingTimeout              = 3 * time.Second
)

// Config says which database to open and within which limits.
type Config struct {
	// URL is a connection string in any form pgx reads. What it says about pool sizes is overruled by MaxConns
	// and MinConns only when those are set.
	URL string
	// Role, when set, is assumed by every connection from its first statement, so that least privilege holds even
	// if the URL's user may do more. The user must be a member of the role (a superuser always is).
	Role string
	// ApplicationName is what pg_stat_activity shows.
	ApplicationName string
	// MaxConns bounds the pool; zero means the URL's pool_max_conns, else DefaultMaxConns.
	MaxConns int32
	// MinConns are kept open.
	MinConns int32
	// ConnectTimeout bounds one connection attempt; zero means DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// StatementTimeout makes the server cancel a longer statement; zero means no limit.
	StatementTimeout time.Duration
	// LockTimeout makes the server cancel a statement that waits longer for a lock; zero means no limit.
	LockTimeout time.Duration
	// IdleInTransaction makes the server end a session that holds a transaction open without using it, because such a
	// session holds locks; zero means DefaultIdleInTransaction.
	IdleInTransaction time.Duration
	// GenericPlans has each prepared statement planned once a connection, through an index wherever there is one. It is for
	// fixed statements that look things up: left to itself Postgres plans some of them anew at every call, which can cost
	// more than running them; and a plan made while the tables were empty would walk through them when they are full.
	GenericPlans bool
	// Tracer, when set, sees every query.
	Tracer pgx.QueryTracer
}

// Open returns a pool whose server has answered. The caller closes it. Sessions run in UTC, times are read in UTC, and
// statements are prepared once a connection. Open does not retry: IsRetryable tells whether trying again makes sense.
func Open(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	poolConfig, err := cfg.pool()
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach database: %w", err)
	}
	return pool, nil
}

func (cfg Config) pool() (*pgxpool.Config, error) {
	pc, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	cfg.setLimits(pc)
	watchNetwork(pc.ConnConfig)
	cfg.setSession(pc.ConnConfig.RuntimeParams)
	pc.ConnConfig.Tracer = cfg.Tracer
	pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	pc.AfterConnect = readTimesInUTC
	return pc, nil
}

// parseURL refuses an empty URL, which pgx would read as "whatever the environment says".
func parseURL(databaseURL string) (*pgxpool.Config, error) {
	if databaseURL == "" {
		return nil, errors.New("database URL is empty")
	}
	pc, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err)
	}
	return pc, nil
}

func (cfg Config) setLimits(pc *pgxpool.Config) {
	switch {
	case cfg.MaxConns > 0:
		pc.MaxConns = cfg.MaxConns
	case !urlSetsPoolSize(cfg.URL):
		pc.MaxConns = DefaultMaxConns
	}
	if cfg.MinConns > 0 {
		pc.MinConns = cfg.MinConns
	}
	pc.MaxConnLifetime = maxConnLifetime
	pc.MaxConnLifetimeJitter = maxConnLifetimeJitter
	pc.MaxConnIdleTime = maxConnIdleTime
	pc.PingTimeout = pingTimeout
	pc.ConnConfig.ConnectTimeout = orDefault(cfg.ConnectTimeout, DefaultConnectTimeout)
}

func (cfg Config) setSession(params map[string]string) {
	params["timezone"] = "UTC"
	params["idle_in_transaction_session_timeout"] = milliseconds(orDefault(cfg.IdleInTransaction, DefaultIdleInTransaction))
	if cfg.StatementTimeout > 0 {
		params["statement_timeout"] = milliseconds(cfg.StatementTimeout)
	}
	if cfg.LockTimeout > 0 {
		params["lock_timeout"] = milliseconds(cfg.LockTimeout)
	}
	if cfg.GenericPlans {
		params["plan_cache_mode"] = "force_generic_plan"
		params["enable_seqscan"] = "off"
	}
	if cfg.Role != "" {
		params["role"] = cfg.Role
	}
	if cfg.ApplicationName != "" {
		params["application_name"] = cfg.ApplicationName
	}
}

// readTimesInUTC: pgx would hand out times in the machine's zone, and then the same row reads differently on two machines.
func readTimesInUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name:  "timestamptz",
		OID:   pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// urlSetsPoolSize: pgxpool removes its own keys while parsing, and fills in a default that cannot be told from a wish.
func urlSetsPoolSize(databaseURL string) bool {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return false
	}
	_, set := config.RuntimeParams["pool_max_conns"]
	return set
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(d.Milliseconds(), 10)
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(d/time.Second), 10)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
