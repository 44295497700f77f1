package rebuild_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"passbook/readmodel"
	"passbook/readmodel/rebuild"
)

// A rebuild of everything while customers go on and readers read: the rows are those of the log, the tables are as the migrations
// made them, and both generations go on.
func TestRebuildWhileTheBankIsOpen(t *testing.T) {
	t.Parallel()
	b := newBank(t, 1)
	b.untilAppliedBy(b.write(2_000), readmodel.Projectors()...)
	before := b.definitions()

	stopReaders, stopCustomers := b.readers(), b.going()
	results, err := b.rebuilder().Run(t.Context(), readmodel.Projectors(), options("rebuild"))
	stopCustomers()
	if err != nil {
		t.Fatal(err)
	}
	head := b.write(500)
	b.untilApplied(head)
	stopReaders()
	b.verify()
	for i := range results {
		name := results[i].Projection
		if got := b.at(name, readmodel.PlaceLive); got.Number != 2 || results[i].Generation != 2 || results[i].Finding.Differing != 0 {
			t.Errorf("%s: live is %+v; %+v", name, got, results[i])
		}
		b.until("the previous generation follows", func() bool { return b.at(name, readmodel.PlacePrevious).Position == head })
	}
	if after := b.definitions(); after != before {
		t.Errorf("the tables were\n%s\nand are\n%s", before, after)
	}
}

// untilAppliedBy runs an engine until the end of the test.
func (b *bank) untilAppliedBy(head int64, projectors ...readmodel.Projector) {
	b.t.Helper()
	b.project(nil, projectors...)
	b.untilApplied(head)
}

// definitions describe the tables that readers see: columns, constraints, indexes, storage, privileges.
func (b *bank) definitions() string {
	return value[string](b, `
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
    SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type, is_nullable, column_default, collation_name) AS line
    FROM information_schema.columns WHERE table_schema = 'readmodel' AND table_name IN ('balances', 'timeline')
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'readmodel' AND tablename IN ('balances', 'timeline')
    UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
              WHERE connamespace = 'readmodel'::regnamespace AND conrelid::regclass::text IN ('readmodel.balances', 'readmodel.timeline')
    UNION ALL SELECT concat_ws(' ', relname, relowner::regrole, reloptions) FROM pg_class
              WHERE relnamespace = 'readmodel'::regnamespace AND relname IN ('balances', 'timeline')
    UNION ALL SELECT concat_ws(' ', table_name, grantee, privilege_type) FROM information_schema.role_table_grants
              WHERE table_schema = 'readmodel' AND table_name IN ('balances', 'timeline') AND grantee = 'passbook_query'
) AS described`)
}

// going has customers go on until stop, or until so much has come that a rebuild on a slow machine would never be done.
func (b *bank) going() (stop func()) {
	told, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for range 150 {
			select {
			case <-told:
				return
			default:
			}
			if _, err := b.customers.Write(b.t.Context(), 20); err != nil {
				b.t.Error(err)
				return
			}
		}
	}()
	return func() { close(told); <-ended }
}

// readers poll until stop: none of them sees an error, or less than it saw before.
func (b *bank) readers() (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	var running sync.WaitGroup
	accounts := b.customers.Accounts()
	for i := range 4 {
		id := accounts[i*3].ID
		running.Go(func() {
			var version, position, timeline int64
			for ctx.Err() == nil {
				a, fresh, err := b.queries.Account(ctx, id)
				if ctx.Err() != nil {
					return
				}
				if err != nil || a.Version < version || fresh.Position < position {
					b.t.Errorf("account %s: version %d at %d after version %d at %d: %v", id, a.Version, fresh.Position, version, position, err)
					return
				}
				version, position = a.Version, fresh.Position
				rows, _, fresh, err := b.queries.Timeline(ctx, readmodel.TimelineFilter{AccountID: id, Limit: 1})
				if ctx.Err() != nil {
					return
				}
				if err != nil || len(rows) != 1 || rows[0].Position < timeline || fresh.Position < timeline {
					b.t.Errorf("timeline of %s: %+v at %+v after %d: %v", id, rows, fresh, timeline, err)
					return
				}
				timeline = rows[0].Position
			}
		})
	}
	return func() { cancel(); running.Wait() }
}

// The comparison finds a row that is not what the log says, in the live generation as in the next.
func TestDifferencesEndTheRebuild(t *testing.T) {
	t.Parallel()
	b := newBank(t, 2)
	b.projected(b.write(600))
	b.exec(`UPDATE readmodel.timeline SET balance = balance + 1 WHERE position IN (300, 400)`)
	r := b.rebuilder()
	_, err := r.Run(t.Context(), readmodel.Projectors(), options("first"))
	differs, ok := errors.AsType[*rebuild.DiffersError](err)
	if !ok || differs.Projection != readmodel.Timeline || differs.Finding.FirstPosition != 300 || differs.Finding.Differing == 0 {
		t.Fatalf("the comparison found %v", err)
	}
	if !strings.Contains(err.Error(), "the first event that differs is 300") || !strings.Contains(err.Error(), "balance is") {
		t.Errorf("it says %v", err)
	}
	if got := b.at(readmodel.Timeline, readmodel.PlaceLive).Number; got != 1 {
		t.Fatalf("generation %d is live", got)
	}
	if got := b.at(readmodel.Balances, readmodel.PlaceLive).Number; got != 2 {
		t.Errorf("generation %d of the other projection is live", got)
	}
	accept := options("second")
	accept.AcceptDiff = true
	results, err := r.Run(t.Context(), []readmodel.Projector{projector(readmodel.Timeline)}, accept)
	if err != nil || !results[0].Resumed || results[0].Generation != 2 {
		t.Fatalf("accepted: %+v, %v", results, err)
	}
	b.verify()
}
