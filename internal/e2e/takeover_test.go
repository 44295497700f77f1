package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/eventstore"
	"passbook/internal/auditor"
	"passbook/internal/eventcodec"
	"passbook/internal/natstest"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
	"passbook/readmodel"
	"passbook/readmodel/readmodeltest"
)

// projectors is a log that grows, and processes that keep its read models.
type projectors struct {
	t         *testing.T
	database  *pgtest.DB
	admin     *pgxpool.Pool
	queries   *readmodel.Queries
	customers *readmodeltest.Generator
	environ   []string
}

func newProjectors(t *testing.T, seed uint64, natsURL string) *projectors {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	return &projectors{
		t: t, database: db, admin: db.Pool(t, ""), queries: readmodel.NewQueries(db.Pool(t, "passbook_query")),
		customers: readmodeltest.NewLive(eventstore.New(db.Pool(t, "passbook_command")), seed),
		environ:   []string{"DATABASE_URL=" + db.URL, "NATS_URL=" + natsURL, "OPS_ADDR=127.0.0.1:0"},
	}
}

func (p *projectors) start() *process { return start(p.t, "projector", p.environ) }

func (p *projectors) write(n int) int64 {
	p.t.Helper()
	head, err := p.customers.Write(p.t.Context(), n)
	if err != nil {
		p.t.Fatal(err)
	}
	return head.Position
}

func (p *projectors) untilApplied(position int64) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if _, err := p.queries.WaitFor(ctx, position); err != nil {
		statuses, _ := p.queries.Projections(p.t.Context())
		p.t.Fatalf("wait for position %d: %v; projections: %+v", position, err, statuses)
	}
}

func (p *projectors) verify(position int64) {
	p.t.Helper()
	codec, err := eventcodec.New()
	if err != nil {
		p.t.Fatal(err)
	}
	report, err := auditor.Verify(p.t.Context(), p.admin, codec, auditor.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	var text strings.Builder
	_ = report.WriteText(&text)
	if !report.OK() || report.Head != position {
		p.t.Errorf("want head %d\n%s", position, text.String())
	}
}

// untilSession waits until a session of a projector is as the condition on pg_stat_activity says.
func (p *projectors) untilSession(condition string) {
	p.t.Helper()
	sql := `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'passbook projector' AND ` + condition + `)`
	p.within("a session of a projector is at "+condition, func() bool {
		var there bool
		if err := p.admin.QueryRow(p.t.Context(), sql).Scan(&there); err != nil {
			p.t.Fatal(err)
		}
		return there
	})
}

// within polls until the condition holds.
func (p *projectors) within(what string, holds func() bool) {
	p.t.Helper()
	deadline, tick := time.NewTimer(patience), time.NewTicker(5*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("not in time: %s", what)
		}
	}
}

// The active projector is frozen in the middle of a transaction, as a machine is that sleeps: it keeps its sessions, and their
// locks. The other one takes over; and when the frozen one wakes up it has lost, notices and changes nothing.
func TestAFrozenProjectorIsReplaced(t *testing.T) {
	t.Parallel()
	p := newProjectors(t, 41, natstest.Start(t).URL)
	active := p.start()
	p.untilApplied(p.write(100))
	standby := p.start()
	standby.await(`listening`)

	lock, err := p.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := lock.Exec(t.Context(), `LOCK TABLE readmodel.balances, readmodel.timeline IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	p.write(100)
	p.untilSession(`wait_event_type = 'Lock'`)
	active.signal(syscall.SIGSTOP)
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.untilSession(`state = 'idle in transaction' AND wait_event = 'ClientRead'`)

	head := p.write(300)
	p.untilApplied(head)
	p.verify(head)
	active.signal(syscall.SIGCONT)
	head = p.write(300)
	p.untilApplied(head)
	active.await(`no longer leading|cannot renew the lease|the lease is somebody else's`)
	standby.stop()
	head = p.write(300) // the one that had been frozen is of use again
	p.untilApplied(head)
	p.verify(head)
	active.stop()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(fmt.Errorf("%s to %s: %w", s, p.name, err))
	}
}
