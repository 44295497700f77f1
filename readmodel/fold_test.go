package readmodel_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/readmodel"
	"passbook/readmodel/internal/pgcopy"
)

// An event that cannot be applied is its own account's affair: what was made for it is taken back, its account's later events
// wait behind it in their order, all other accounts go on.
func TestRefusalConcernsOneAccount(t *testing.T) {
	t.Parallel()
	errBad := errors.New("bad")
	fold := readmodel.Project(readmodel.Projector{Name: "test", Version: 1, Tables: []string{"test"}}, readmodel.Definition[int64]{
		Load: func(context.Context, pgx.Tx, [][16]byte, func(uuid.UUID, int64, int64)) error { return nil },
		Apply: func(sum *int64, e *readmodel.Event, add *pgcopy.Rows) error {
			*sum += e.Position
			add.Row(1)
			add.Int64(*sum)
			if e.Type == "bad" {
				return errBad
			}
			if e.Type == "zero" {
				add.Text("\x00")
			}
			return nil
		},
		CopyAdded: "COPY test FROM STDIN (FORMAT binary)",
	}).NewFold()
	a, b, c := uuid.New(), uuid.New(), uuid.New()
	for _, e := range []eventstore.Event{
		{Position: 1, StreamID: a, Version: 1},
		{Position: 2, StreamID: b, Version: 1},
		{Position: 3, StreamID: a, Version: 2, Type: "bad"},
		{Position: 4, StreamID: c, Version: 1, Type: "zero"},
		{Position: 5, StreamID: a, Version: 3},
		{Position: 6, StreamID: b, Version: 2},
		{Position: 7, StreamID: b, Version: 4}, // version 3 is missing
		{Position: 8, StreamID: a, Version: 4},
	} {
		e.StreamType = account.StreamType
		fold.Apply(&readmodel.Event{Event: e})
	}
	var want pgcopy.Rows
	for _, sum := range []int64{1, 2, 2 + 6} {
		want.Row(1)
		want.Int64(sum)
	}
	if got := fold.Added(); got.Len() != 3 || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("rows added: %d, %x", got.Len(), got.Bytes())
	}
	refused := map[uuid.UUID][]int64{}
	for _, r := range fold.Refused() {
		for _, e := range r.Events {
			refused[r.Stream] = append(refused[r.Stream], e.Position)
		}
		if r.Err.Position != r.Events[0].Position {
			t.Errorf("the error is about event %d, the first refused is %d", r.Err.Position, r.Events[0].Position)
		}
		if r.Stream == a && !errors.Is(r.Err, errBad) || r.Stream == c && !errors.Is(r.Err, pgcopy.ErrText) {
			t.Errorf("account %s refused for %v", r.Stream, r.Err)
		}
	}
	for id, want := range map[uuid.UUID][]int64{a: {3, 5, 8}, b: {7}, c: {4}} {
		if got := refused[id]; !slices.Equal(got, want) {
			t.Errorf("refused %v, want %v", got, want)
		}
	}
}

// The fence alone: a projection that adds up what it is given, applied by three at once.
func TestFenceAppliesEachEventOnce(t *testing.T) {
	t.Parallel()
	b := newBank(t, 13)
	b.exec(`CREATE TABLE readmodel.tally (account_id uuid PRIMARY KEY, version bigint NOT NULL, events bigint NOT NULL)`)
	b.exec(`GRANT ALL ON readmodel.tally TO passbook_projector`)
	parts := b.parts(nil)
	parts.Projectors = []readmodel.Projector{tallyProjector()}
	config := testConfig()
	config.Batch = 20
	for range 3 {
		parts.Registry, parts.Pool = prometheus.NewRegistry(), openProjector(t, b.db)
		e := b.engine(parts, config)
		b.run(func(ctx context.Context) error { e.LeadUnfenced(ctx); return nil })
	}
	var head int64
	for range 20 {
		head = b.write(50)
	}
	if _, err := b.queries.WaitFor(t.Context(), head, "tally"); err != nil {
		t.Fatal(err)
	}
	var events, written int64
	sql := `SELECT (SELECT sum(events) FROM readmodel.tally), (SELECT count(*) FROM events WHERE stream_type = 'account')`
	if err := b.admin.QueryRow(t.Context(), sql).Scan(&events, &written); err != nil || events != written || head < written {
		t.Errorf("%d events applied of %d: %v", events, written, err)
	}
}

// tally counts the events of an account since it was loaded.
type tally struct {
	account [16]byte
	version int64
	events  int64
}

// tallyProjector adds to its rows, whatever stands in them.
func tallyProjector() readmodel.Projector {
	definition := readmodel.Definition[tally]{
		Load: func(ctx context.Context, tx pgx.Tx, accounts [][16]byte, found func(uuid.UUID, int64, tally)) error {
			rows, err := tx.Query(ctx, `SELECT account_id, version FROM tally WHERE account_id = ANY($1::uuid[])`, accounts)
			if err != nil {
				return err
			}
			var id uuid.UUID
			var version int64
			_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &version}, func() error {
				found(id, version, tally{account: id, version: version})
				return nil
			})
			return err
		},
		Apply: func(c *tally, e *readmodel.Event, _ *pgcopy.Rows) error {
			c.account, c.version, c.events = e.StreamID, e.Version, c.events+1
			return nil
		},
		Store: func(ctx context.Context, tx pgx.Tx, tallies []*tally) error {
			for _, c := range tallies {
				_, err := tx.Exec(ctx, `INSERT INTO tally AS t VALUES ($1, $2, $3)
					ON CONFLICT (account_id) DO UPDATE SET version = excluded.version, events = t.events + excluded.events`, c.account, c.version, c.events)
				if err != nil {
					return err
				}
			}
			return nil
		},
		CopyStates: `COPY tally FROM STDIN (FORMAT binary)`,
		Row: func(c *tally, rows *pgcopy.Rows) {
			rows.Row(3)
			rows.UUID(c.account)
			rows.Int64(c.version)
			rows.Int64(c.events)
		},
	}
	return readmodel.Project(readmodel.Projector{Name: "tally", Version: 1, Tables: []string{"tally"}}, definition)
}
