package readmodel_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/internal/faultproxy"
	"passbook/internal/pgkit"
	"passbook/readmodel"
)

// The active instance falls silent in the middle of a transaction: its sessions stay open, with all their locks. Another takes
// over all the same, and the first changes nothing when it is heard again.
func TestTakeOverFromAHolderThatHangs(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]struct{ projection, lock, state string }{
		"between two statements":  {readmodel.Balances, `LOCK TABLE readmodel.balances IN ACCESS EXCLUSIVE MODE`, "idle in transaction"},
		"in the middle of a COPY": {readmodel.Timeline, `LOCK TABLE readmodel.timeline IN EXCLUSIVE MODE`, "active"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, 31)
			proxy, behind := b.behindProxy("hanging")
			config := named("first")
			config.Batch = 5_000 // more than fits into the buffers on the way
			first := b.engine(b.partsOver(behind), config)
			release := b.hold(hang.lock)
			b.write(5_000)
			b.run(first.Run)
			b.untilSession("hanging", `wait_event_type = 'Lock'`)
			proxy.Silence()
			release()
			b.untilSession("hanging", fmt.Sprintf(`wait_event = 'ClientRead' AND state = '%s'`, hang.state))

			second := b.engine(b.parts(nil), named("second"))
			b.run(second.Run)
			b.within(patience, "the second is active", func() bool { return active(second) == all })
			head := b.write(300)
			b.untilApplied(head)
			b.verify(head)

			proxy.Resume()
			proxy.Cut()
			head = b.write(300)
			b.untilApplied(head)
			b.verify(head)
			if active(first) != 0 || active(second) != all {
				t.Errorf("active: %+v and %+v", first.Status(), second.Status())
			}
		})
	}
}

// One connection of several goes silent. The lease is renewed over another, so nobody would take over: the holder itself must
// notice.
func TestAConnectionThatGoesSilentIsGivenUp(t *testing.T) {
	t.Parallel()
	b := newBank(t, 32)
	proxy, behind := b.behindProxy("hanging")
	config := named("only")
	config.TransactionMax = time.Second
	parts := b.parts(nil)
	config.LeaseTTL = time.Hour // never runs out here
	release := b.hold(`LOCK TABLE readmodel.balances IN ACCESS EXCLUSIVE MODE`)
	parts.Pool, parts.Log, parts.Projectors = behind, eventstore.New(b.projector), parts.Projectors[:1]
	b.run(b.engine(parts, config).Run)
	head := b.write(50)
	b.untilSession("hanging", `wait_event_type = 'Lock'`)
	proxy.SilenceOpen()
	release()
	b.untilSession("hanging", `wait_event = 'ClientRead' AND state = 'idle in transaction'`)
	if _, err := b.queries.WaitFor(t.Context(), head, readmodel.Balances); err != nil {
		t.Fatal(err)
	}
}

func named(holder string) readmodel.Config {
	config := testConfig()
	config.Holder = holder
	return config
}

// behindProxy opens a pool as the projector's whose connections lead through a proxy.
func (b *bank) behindProxy(application string) (*faultproxy.Proxy, *pgxpool.Pool) {
	b.t.Helper()
	proxy, url := faultproxy.Postgres(b.t, b.db.URL)
	pool, err := pgkit.Open(b.t.Context(), pgkit.Config{URL: url, Role: "passbook_projector", ApplicationName: application})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return proxy, pool
}

func (b *bank) partsOver(pool *pgxpool.Pool) readmodel.Parts {
	parts := b.parts(nil)
	parts.Pool, parts.Log = pool, eventstore.New(pool)
	return parts
}

// hold takes a lock until it is released.
func (b *bank) hold(lock string) (release func()) {
	b.t.Helper()
	tx, err := b.admin.Begin(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := tx.Exec(b.t.Context(), lock); err != nil {
		b.t.Fatal(err)
	}
	release = func() { _ = tx.Rollback(context.WithoutCancel(b.t.Context())) }
	b.t.Cleanup(release)
	return release
}

// untilSession waits until a session of the application is in the state that the condition on pg_stat_activity describes.
func (b *bank) untilSession(application, condition string) {
	b.t.Helper()
	sql := `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = @application AND ` + condition + `)`
	b.within(patience, application+" is at "+condition, func() bool {
		var there bool
		if err := b.admin.QueryRow(b.t.Context(), sql, pgx.NamedArgs{"application": application}).Scan(&there); err != nil {
			b.t.Fatal(err)
		}
		return there
	})
}

// What an instance remembers of the accounts is worth nothing after another has led.
func TestLeadingAgainAfterAnother(t *testing.T) {
	t.Parallel()
	b := newBank(t, 63)
	first, second := b.engine(b.parts(nil), testConfig()), b.engine(b.parts(nil), testConfig())
	for _, engine := range []*readmodel.Engine{first, second, first, second} {
		stop := b.run(func(ctx context.Context) error { engine.LeadUnfenced(ctx); return nil })
		b.untilApplied(b.write(200))
		stop()
	}
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		if parked := b.parked(name); len(parked) != 0 {
			t.Errorf("%s: parked: %+v", name, parked)
		}
	}
	b.verify(b.customers.Head().Position)
}
