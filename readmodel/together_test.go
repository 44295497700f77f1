package readmodel_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/pgkit"
	"passbook/readmodel"
	"passbook/readmodel/internal/db"
)

// countLookups counts the statements that read accounts by their ids.
type countLookups struct{ n atomic.Int64 }

func (c *countLookups) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if q.SQL == db.LookUpAccounts {
		c.n.Add(1)
	}
	return ctx
}

func (c *countLookups) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// together opens the read side over few connections, with its workers running.
func (b *bank) together() (*readmodel.Queries, *pgxpool.Pool, *countLookups) {
	b.t.Helper()
	count := &countLookups{}
	pool, err := pgkit.Open(b.t.Context(), pgkit.Config{URL: b.db.URL, Role: "passbook_query", MaxConns: 3, Tracer: count})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	queries := readmodel.NewQueries(pool)
	b.run(queries.Run)
	return queries, pool, count
}

// sighting is what a reader saw of an account.
type sighting struct {
	readmodel.Account
	fresh readmodel.Freshness
}

// While the projector works, many read together. What each sees is the account exactly as the log has it at the position it is
// told: not an event more or less.
func TestAccountsReadTogetherAreExactlyAtTheirPosition(t *testing.T) {
	t.Parallel()
	b := newBank(t, 25)
	head := b.write(3_000)
	o := b.oracle()
	ids := []uuid.UUID{uuid.New()} // and one that is not there
	for id := range o.events {
		ids = append(ids, id)
	}
	queries, _, count := b.together()
	config := testConfig()
	config.Batch = 20
	b.run(b.engine(b.parts(nil), config).Run)

	const readers = 32
	var running sync.WaitGroup
	seen := make([][]sighting, readers)
	for reader := range readers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(25, uint64(reader))) //nolint:gosec // small
			var last int64
			for last < head {
				a, fresh, err := queries.Account(t.Context(), ids[random.IntN(len(ids))])
				if err != nil && !errors.Is(err, readmodel.ErrNotFound) || fresh.Position < last {
					t.Errorf("%+v after position %d: %v", fresh, last, err)
					return
				}
				last = fresh.Position
				seen[reader] = append(seen[reader], sighting{a, fresh})
			}
		})
	}
	running.Wait()
	reads := 0
	for _, s := range slices.Concat(seen...) {
		reads++
		if want := o.versionAt(s.ID, s.fresh.Position); s.Version != want {
			t.Fatalf("at position %d account %s is at version %d, want %d", s.fresh.Position, s.ID, s.Version, want)
		}
		behind := s.fresh.Position > 0 && s.fresh.Position < head // at 0 the projection may not have begun
		if behind && s.fresh.LagMilliseconds <= 0 || s.fresh.Position == head && s.fresh.LagMilliseconds != 0 {
			t.Fatalf("freshness %+v, the log ends at %d", s.fresh, head)
		}
	}
	if n := count.n.Load(); n >= int64(reads) {
		t.Errorf("%d statements for %d reads", n, reads)
	}
}

// versionAt is the version of an account at a position of the log; 0 before it was opened.
func (o *oracle) versionAt(id uuid.UUID, position int64) (version int64) {
	for _, e := range o.events[id] {
		if e.Position <= position {
			version = e.Version
		}
	}
	return version
}

// However many accounts are asked for, the plan is the same and was made once: planning costs more than a look-up.
func TestLookingUpIsNotPlannedAnew(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 26, 500)
	b.exec(`VACUUM ANALYZE`)
	var ids []uuid.UUID
	for id := range o.events {
		ids = append(ids, id)
	}
	conn, err := b.admin.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	statements := db.New(conn)
	for i := range 60 {
		asked := ids[:1+i%len(ids)]
		rows, err := statements.LookUpAccounts(t.Context(), asked)
		if err != nil || len(rows) != len(asked) || rows[0].FreshPosition != 500 {
			t.Fatalf("%d accounts: %d rows, %v", len(asked), len(rows), err)
		}
	}
	var generic, custom int
	row := conn.QueryRow(t.Context(), `SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1`, db.LookUpAccounts)
	if err := row.Scan(&generic, &custom); err != nil {
		t.Fatal(err)
	}
	if generic < 50 {
		t.Errorf("%d runs with the plan that was kept, %d planned anew", generic, custom)
	}
}

// BenchmarkAccountsTogether is readers at the same time over one pool: each by itself, and together.
func BenchmarkAccountsTogether(b *testing.B) {
	bank := benchmarkBank(b, 30_000, 5_000)
	config := readmodel.DefaultConfig()
	config.Holder = "bench"
	stop := bank.run(bank.engine(bank.parts(nil), config).Run)
	bank.untilApplied(30_000)
	stop()
	bank.exec(`VACUUM ANALYZE`)
	accounts := bank.customers.Accounts()
	together, _, _ := bank.together()
	for name, queries := range map[string]*readmodel.Queries{"each by itself": bank.queries, "together": together} {
		for _, readers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, readers), func(b *testing.B) {
				var running sync.WaitGroup
				for reader := range readers {
					running.Go(func() {
						random := rand.New(rand.NewPCG(1, uint64(reader))) //nolint:gosec // small
						for range (b.N + readers - 1) / readers {
							if _, _, err := queries.Account(b.Context(), accounts[random.IntN(len(accounts))].ID); err != nil {
								b.Error(err)
							}
						}
					})
				}
				running.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
			})
		}
	}
}
