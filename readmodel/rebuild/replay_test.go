package rebuild_test

import (
	"errors"
	"strings"
	"testing"

	"passbook/readmodel"
	"passbook/readmodel/rebuild"
)

// An account that the live generation has set aside is set aside by the next one too, where it was; all others are compared.
func TestParkedAccountsStayParked(t *testing.T) {
	t.Parallel()
	b := newBank(t, 30)
	b.write(600)
	victim := b.customers.Accounts()[0].ID
	if _, err := b.customers.Poison(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	b.untilAppliedBy(b.write(600), readmodel.Projectors()...)
	results, err := b.rebuilder().Run(t.Context(), []readmodel.Projector{projector(readmodel.Balances), projector(readmodel.Timeline)}, options("rebuild"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Projection == readmodel.Owners {
			continue // a deposit is none of its events
		}
		if r.Finding.Differing != 0 || !strings.Contains(r.Finding.Text, "parked accounts were not compared, 2 of them") {
			t.Errorf("%+v", r.Finding)
		}
		parked := value[int](b, `SELECT count(*) FROM readmodel.parked WHERE projection = $1 AND generation = 2 AND account_id = $2 AND class = 'unreadable'`, r.Projection, victim)
		if parked != 1 {
			t.Errorf("%s: the account is parked %d times in generation 2; parked are %s", r.Projection, parked, value[string](b, `SELECT coalesce(json_agg(p)::text, '') FROM readmodel.parked p`))
		}
	}
	b.untilApplied(b.write(200))
	b.verify()
}

// A process that is suspended while it writes and wakes up after another went on writes nothing: its shard is not where it was.
func TestReplayIsFenced(t *testing.T) {
	t.Parallel()
	b := newBank(t, 31)
	b.projected(b.write(2_000))
	o := options("first")
	tampered := false
	o.Report = func(p rebuild.Progress) {
		if p.Phase == "replay" && p.Done >= 200 && !tampered {
			tampered = true
			b.exec(`UPDATE readmodel.rebuild_shards SET position = position + 1`)
		}
	}
	_, err := b.rebuilder().Run(t.Context(), readmodel.Projectors(), o)
	if err == nil || !strings.Contains(err.Error(), "not where this process left it") {
		t.Errorf("the first goes on: %v", err)
	}
	if errors.Is(err, rebuild.ErrCancelled) {
		t.Errorf("nobody cancelled: %v", err)
	}
}

// What a dry run says, and that it does nothing.
func TestPlan(t *testing.T) {
	t.Parallel()
	b := newBank(t, 32)
	b.projected(b.write(900))
	b.exec(`VACUUM ANALYZE`)
	plans, err := b.rebuilder().Plan(t.Context(), readmodel.Projectors())
	if err != nil {
		t.Fatal(err)
	}
	const atATime = 60 // streams, in these tests
	passes := int(value[int64](b, `SELECT count(*) FROM events WHERE version = 1`)+atATime-1) / atATime
	for _, p := range plans {
		rows := value[int64](b, `SELECT count(*) FROM readmodel.`+p.Projection)
		streams := int64(40)
		switch p.Projection {
		case readmodel.Payments:
			streams = value[int64](b, `SELECT count(*) FROM events WHERE version = 1 AND stream_type = 'payment'`)
		case readmodel.Approvals:
			streams = value[int64](b, `SELECT count(*) FROM events WHERE version = 1 AND stream_type = 'approval'`)
		}
		if p.Live != 1 || p.Next != 2 || p.Events != 900 || p.Accounts != streams || p.Rows != rows || p.DiskBytes < 8192 || p.Estimate <= 0 || p.Passes != passes || p.Resumes != "" {
			t.Errorf("%+v", p)
		}
	}
	if n := value[int](b, `SELECT count(*) FROM pg_tables WHERE schemaname = 'readmodel_next'`); n != 0 || len(b.generations(readmodel.Balances)) != 1 {
		t.Error("a plan makes something")
	}
}

// A projection that has no rows yet goes to the end of the log at once, and leaves no empty generation behind.
func TestRebuildFromNothing(t *testing.T) {
	t.Parallel()
	b := newBank(t, 33)
	head := b.write(700)
	if _, err := b.rebuilder().Run(t.Context(), readmodel.Projectors(), options("rebuild")); err != nil {
		t.Fatal(err)
	}
	b.untilApplied(head)
	b.verify()
	if gs := b.generations(readmodel.Timeline); len(gs) != 1 || gs[0].Number != 2 || gs[0].Position != head {
		t.Errorf("%+v", gs)
	}
}
