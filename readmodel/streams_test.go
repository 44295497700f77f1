package readmodel_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
	"passbook/readmodel"
	"passbook/readmodel/internal/pgcopy"
)

// said is what an event of a thing says.
type said struct{ Word string }

var errUnsaid = errors.New("unsaid")

// thingDecoder reads the events of things, which no other code knows.
type thingDecoder struct{ readmodel.Decoder }

func (d thingDecoder) Payload(stored eventstore.Event) (any, error) {
	if stored.StreamType != "thing" {
		return d.Decoder.Payload(stored)
	}
	var s said
	if err := json.Unmarshal(stored.Data, &s); err != nil || s.Word == "" {
		return nil, errUnsaid
	}
	return s, nil
}

// thing is a row, and the state of a stream.
type thing struct {
	id                [16]byte
	version, position int64
	word              string
}

// thingsProjector keeps the last word of each thing.
func thingsProjector() readmodel.Projector {
	return readmodel.Project(readmodel.Projector{Name: "things", Version: 1, Stream: "thing", Key: "thing_id", Tables: []string{"things"}}, readmodel.Definition[thing]{
		Load: func(ctx context.Context, tx pgx.Tx, streams [][16]byte, found func(uuid.UUID, int64, thing)) error {
			rows, err := tx.Query(ctx, `SELECT thing_id, version, position, word FROM things WHERE thing_id = ANY($1::uuid[])`, streams)
			if err != nil {
				return err
			}
			var t thing
			_, err = pgx.ForEachRow(rows, []any{&t.id, &t.version, &t.position, &t.word}, func() error {
				found(t.id, t.version, t)
				return nil
			})
			return err
		},
		Apply: func(t *thing, e *readmodel.Event, _ *pgcopy.Rows) error {
			*t = thing{e.StreamID, e.Version, e.Position, e.Payload.(said).Word}
			return nil
		},
		Store: func(ctx context.Context, tx pgx.Tx, things []*thing) error {
			for _, t := range things {
				_, err := tx.Exec(ctx, `INSERT INTO things VALUES ($1, $2, $3, $4) ON CONFLICT (thing_id) DO UPDATE SET
					version = excluded.version, position = excluded.position, word = excluded.word`, t.id, t.version, t.position, t.word)
				if err != nil {
					return err
				}
			}
			return nil
		},
		CopyStates: `COPY things FROM STDIN (FORMAT binary)`,
		Row: func(t *thing, rows *pgcopy.Rows) {
			rows.Row(4)
			rows.UUID(t.id)
			rows.Int64(t.version)
			rows.Int64(t.position)
			rows.Text(t.word)
		},
	})
}

// say appends an event to a thing, and returns its position.
func (b *bank) say(id uuid.UUID, version int64, data string) int64 {
	b.t.Helper()
	verdicts, err := b.store.Append(b.t.Context(), []eventstore.Entry{{Appends: []eventstore.Append{{
		StreamType: "thing", StreamID: id, Expected: version - 1,
		Events: []eventstore.NewEvent{{ID: uuid.New(), Type: "thing.said", Schema: 1, Data: []byte(data), Metadata: []byte(`{}`)}},
	}}}})
	if err != nil || verdicts[0].Err != nil {
		b.t.Fatal(err, verdicts)
	}
	return verdicts[0].Position
}

// A projection is made of the streams of one type: it loads, folds and parks them one by one. Streams of other types pass it by,
// whatever their events say; so do these pass the projections of accounts.
func TestStreamsOfAnotherType(t *testing.T) {
	t.Parallel()
	b := newBank(t, 40)
	b.exec(`CREATE TABLE readmodel.things (thing_id uuid PRIMARY KEY, version bigint NOT NULL, position bigint NOT NULL, word text NOT NULL)`)
	b.exec(`ALTER TABLE readmodel.things OWNER TO passbook_projector`)
	b.exec(`GRANT SELECT ON readmodel.things TO passbook_query`)
	parts := b.parts(nil)
	parts.Projectors, parts.Decoder = append(slices.Clone(parts.Projectors), thingsProjector()), thingDecoder{parts.Decoder}
	b.run(b.engine(parts, testConfig()).Run)

	b.write(100)
	good, bad := uuid.New(), uuid.New()
	b.say(good, 1, `{"Word":"a"}`)
	b.say(bad, 1, `{"Word":"b"}`)
	poisoned := b.say(bad, 2, `{}`)
	b.say(bad, 3, `{"Word":"c"}`)
	b.say(good, 2, `{"Word":"d"}`)
	head, err := b.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.customers.Behind(head)
	last := b.write(100)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := b.queries.WaitFor(ctx, last, "things"); err != nil {
		t.Fatal(err)
	}
	b.untilApplied(last)
	b.verify(last)

	for id, want := range map[uuid.UUID]string{good: "d", bad: "b"} {
		var word string
		if err := b.admin.QueryRow(t.Context(), `SELECT word FROM readmodel.things WHERE thing_id = $1`, id).Scan(&word); err != nil || word != want {
			t.Errorf("%s: %q, %v", want, word, err)
		}
	}
	parked, err := readmodel.ListParked(t.Context(), b.admin, "", uuid.Nil)
	if err != nil || len(parked) != 1 || parked[0].Projection != "things" || parked[0].AccountID != bad || parked[0].Position != poisoned || parked[0].Waiting != 2 {
		t.Errorf("parked: %+v, %v", parked, err)
	}
	desk, err := readmodel.NewParkingDesk(parts, testConfig(), thingsProjector())
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := desk.PassOver(t.Context(), bad, poisoned, "ada", "said nothing"); err != nil || !outcome.Released || outcome.Applied != 2 {
		t.Errorf("passed over: %+v, %v", outcome, err)
	}
}
