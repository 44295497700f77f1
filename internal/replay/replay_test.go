package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/internal/eventcodec"
	"passbook/internal/firstlog"
	"passbook/internal/replay"
)

var update = flag.Bool("update", false, "write the golden file")

// kept is a log in memory.
type kept []eventstore.Event

func (k kept) ReadStream(_ context.Context, id uuid.UUID, after int64, limit int) ([]eventstore.Event, error) {
	var stream []eventstore.Event
	for _, e := range k {
		if e.StreamID == id && e.Version > after && len(stream) < limit {
			stream = append(stream, e)
		}
	}
	return stream, nil
}

func codec(t *testing.T) *eventcodec.Codec {
	t.Helper()
	c, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, log kept, id uuid.UUID, until string) (steps []*replay.Step, text string, err error) {
	t.Helper()
	u, err := replay.ParseUntil(until)
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	err = replay.Run(t.Context(), log, codec(t), id, u, func(step *replay.Step) error {
		steps = append(steps, step)
		return step.WriteText(&s)
	})
	return steps, s.String(), err
}

// frozen is an account of the first log that was frozen, unfrozen and paid interest on both ways.
var frozen = uuid.MustParse("01977a70-5eed-7000-8000-000000000007")

func TestTextForPeople(t *testing.T) {
	t.Parallel()
	_, text, err := run(t, firstlog.Events(t), frozen, "")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "testdata/frozen.golden.txt", text)
}

func compare(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil || string(golden) != text {
		t.Errorf("%v; it is now\n%s", err, text)
	}
}

// story is an account of today: limits, a hold that is captured in part and expires, a transfer.
func story(t *testing.T) kept {
	t.Helper()
	id, eur, at := uuid.UUID{1}, money.MustCurrency("EUR"), time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	euros := func(minor money.Amount) money.Money { return money.Money{Amount: minor, Currency: eur} }
	var state account.State
	var log kept
	for _, command := range []account.Command{
		account.Open{AccountID: id, OwnerID: "ada", OwnerName: "Ada\x1b[2J", Currency: eur, OverdraftLimit: 5_000, Metadata: map[string]string{"b": "<2>", "a": "1"}},
		account.Deposit{TransactionID: uuid.UUID{2}, Money: euros(100_000), Reference: "salary"},
		account.ChangeSettings{Limits: &account.Limits{PerDay: 50_000}},
		account.PlaceHold{HoldID: uuid.UUID{3}, Money: euros(4_000), ExpiresAt: at.Add(55 * time.Minute)},
		account.CaptureHold{TransactionID: uuid.UUID{4}, HoldID: uuid.UUID{3}, Amount: new(money.Amount(1_500))},
		account.SendTransfer{TransactionID: uuid.UUID{5}, TargetID: uuid.UUID{6}, Money: euros(2_000), Reference: "rent"},
		account.Withdraw{TransactionID: uuid.UUID{7}, Money: euros(1), Channel: "atm"},
		account.PostInterest{TransactionID: uuid.UUID{8}, Money: euros(-7), Rate: "18.9 %"},
	} {
		events, err := account.Decide(state, command, at)
		if err != nil {
			t.Fatalf("%T: %v", command, err)
		}
		for _, e := range events {
			state = account.Evolve(state, e, at)
			kind, schema, data := account.Encode(e)
			log = append(log, eventstore.Event{
				Position: int64(100 + len(log)), ID: uuid.UUID{9}, StreamType: account.StreamType, StreamID: id, Version: state.Version, Type: kind, Schema: schema,
				Data: data, Metadata: json.RawMessage(`{"actor":"teller-7","correlation_id":"req-1","idempotency_key":"k-1","client":"curl/8"}`), EffectiveAt: at, RecordedAt: at,
			})
		}
		at = at.Add(10 * time.Minute)
	}
	log[1].EffectiveAt = log[1].EffectiveAt.AddDate(0, 0, -3)
	return log
}

func TestTextOfEverythingThatCanChange(t *testing.T) {
	t.Parallel()
	_, text, err := run(t, story(t), uuid.UUID{1}, "")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "testdata/story.golden.txt", text)
}

// What a state has is shown to people, or left out on purpose.
func TestEveryFieldOfAStateIsShown(t *testing.T) {
	t.Parallel()
	_, text, err := run(t, story(t), uuid.UUID{1}, "")
	if err != nil {
		t.Fatal(err)
	}
	out := []string{"id", "version", "last_transaction", "ended_holds"} // each event says them
	for field := range reflect.TypeFor[account.State]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if shown := strings.Contains(text, "    "+name+" "); shown == slices.Contains(out, name) && name != "freeze_scope" {
			t.Errorf("%s: shown is %v", name, shown)
		}
	}
}

func TestUntil(t *testing.T) {
	t.Parallel()
	log := story(t)
	for until, want := range map[string]int{"": 9, "3": 3, "1": 1, "99": 9, "2026-11-21T09:20:00Z": 3, "2026-11-21T09:19:59.999999Z": 2, "2026-11-21T10:20:00+01:00": 3, "2020-01-01T00:00:00Z": 0} {
		if steps, _, err := run(t, log, uuid.UUID{1}, until); err != nil || len(steps) != want {
			t.Errorf("until %q there are %d steps, want %d: %v", until, len(steps), want, err)
		}
	}
	for _, until := range []string{"0", "-1", "yesterday", "2026-11-21", "1.5"} {
		if u, err := replay.ParseUntil(until); err == nil {
			t.Errorf("%q is read as %+v", until, u)
		}
	}
}

func TestDocumentForMachines(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	steps, _, err := run(t, log, frozen, "")
	if err != nil {
		t.Fatal(err)
	}
	upcast := 0
	for _, s := range steps {
		encoded, err := json.Marshal(s.Document())
		if err != nil {
			t.Fatal(err)
		}
		var d replay.Document
		if err := json.Unmarshal(encoded, &d); err != nil || !reflect.DeepEqual(d.State, s.After) || d.Available != s.After.Available() || d.Version != s.After.Version {
			t.Fatalf("%s: %v", encoded, err)
		}
		again, err := account.Decode(d.Type, d.Schema, d.Data)
		if err != nil || !reflect.DeepEqual(again, s.Event) {
			t.Errorf("%s is read as %+v, %v", d.Data, again, err)
		}
		if d.StoredType != d.Type || d.StoredAs != d.Schema {
			upcast++
		}
	}
	if upcast == 0 {
		t.Error("no event was upcast")
	}
}

// A history longer than a page is replayed whole; one that cannot be folded up to there.
func TestLongAndBrokenHistories(t *testing.T) {
	t.Parallel()
	log, id := story(t)[:2], uuid.UUID{1}
	for len(log) < 2_500 {
		e := log[1]
		e.Version, e.Position = int64(len(log)+1), int64(100+len(log))
		log = append(log, e)
	}
	steps, _, err := run(t, log, id, "")
	if err != nil || len(steps) != 2_500 || steps[2_499].After.Version != 2_500 {
		t.Errorf("%d steps, %v", len(steps), err)
	}
	for name, spoil := range map[string]func(e *eventstore.Event){
		"unreadable":           func(e *eventstore.Event) { e.Data = []byte(`{}`) },
		"of newer code":        func(e *eventstore.Event) { e.Schema = 9 },
		"of a version too far": func(e *eventstore.Event) { e.Version++ },
	} {
		broken := slices.Clone(log)
		spoil(&broken[1_200])
		steps, _, err := run(t, broken, id, "")
		fault, is := errors.AsType[*replay.EventError](err)
		if !is || fault.Position != 1_300 || len(steps) != 1_200 {
			t.Errorf("%s: %d steps, %v", name, len(steps), err)
		}
	}
	if _, _, err := run(t, log, uuid.UUID{2}, ""); !errors.Is(err, replay.ErrNoAccount) {
		t.Errorf("of no account: %v", err)
	}
	stop := errors.New("stop")
	err = replay.Run(t.Context(), log, codec(t), id, replay.Until{}, func(*replay.Step) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}
