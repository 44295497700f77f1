package decodelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"passbook/eventstore"
	"passbook/internal/decodelog"
	"passbook/internal/eventcodec"
	"passbook/internal/firstlog"
)

// kept is a log in memory.
type kept []eventstore.Event

func (k kept) Head(context.Context) (eventstore.Head, error) {
	return eventstore.Head{Position: int64(len(k))}, nil
}

func (k kept) ReadLog(_ context.Context, after int64, limit int) ([]eventstore.Event, error) {
	return k[after:min(after+int64(min(limit, 50)), int64(len(k)))], nil
}

func examine(t *testing.T, log decodelog.Log, options decodelog.Options) decodelog.Report {
	t.Helper()
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	report, err := decodelog.Run(t.Context(), log, codec, options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func text(t *testing.T, report decodelog.Report) string {
	t.Helper()
	var s strings.Builder
	if err := report.WriteText(&s); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// position of the n-th event of a type, from 0.
func position(log kept, kind string, n int) int {
	for i := range log {
		if log[i].Type == kind {
			if n == 0 {
				return i + 1
			}
			n--
		}
	}
	panic("no such event")
}

func TestEveryEventOfTheFirstLogIsReadAndFolded(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	var progress []int64
	report := examine(t, log, decodelog.Options{Progress: func(done, total int64) {
		if progress = append(progress, done); total != 377 {
			t.Errorf("of %d", total)
		}
	}})
	if !report.OK() || report.Events != 377 || report.Streams != 9 || report.Head != 377 || report.PerSecond <= 0 {
		t.Errorf("got %s", text(t, report))
	}
	if !slices.IsSorted(progress) || progress[len(progress)-1] != 377 {
		t.Errorf("progress %v", progress)
	}
	counted := map[string]int64{}
	for _, c := range report.Shapes {
		counted[c.Stored] += c.Events
		if c.Old != (len(c.Path) > 0) || c.Faulty != 0 {
			t.Errorf("%+v", c)
		}
	}
	if counted["account.opened/1"] != 9 || counted["money.deposited/1"] != 138 || counted["interest.posted/1"] != 55 {
		t.Errorf("counted %v", counted)
	}
	if said := text(t, report); !strings.Contains(said, "decoded: every event is read and every stream folds") {
		t.Errorf("it says\n%s", said)
	}
}

func TestWhatCannotBeReadIsReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		break_ func(log kept) (position int)
		class  string
		why    string
	}{
		"a type of newer code": {func(log kept) int {
			at := position(log, "money.deposited", 3)
			log[at-1].Type = "money.minted"
			return at
		}, decodelog.ClassUnknown, "event shape"},
		"a schema of newer code": {func(log kept) int {
			at := position(log, "money.withdrawn", 3)
			log[at-1].Schema = 9
			return at
		}, decodelog.ClassUnknown, "money.withdrawn/9"},
		"a deposit without a currency": {func(log kept) int {
			at := position(log, "money.deposited", 3)
			log[at-1].Data = without(log[at-1].Data, "currency")
			return at
		}, decodelog.ClassUnreadable, "currency"},
		"a payload that is none": {func(log kept) int {
			at := position(log, "account.frozen", 1)
			log[at-1].Data = []byte(`null`)
			return at
		}, decodelog.ClassUnreadable, "not a JSON object"},
		"a lost version": {func(log kept) int {
			at := position(log, "fee.charged", 2)
			log[at-1].Version += 1000
			return at
		}, decodelog.ClassFold, "follows version"},
		"an account opened twice": {func(log kept) int {
			at := position(log, "account.opened", 1)
			log[at-1].StreamID, log[at-1].Version = log[0].StreamID, 2
			return at
		}, decodelog.ClassFold, "version 2 is account.opened"},
		"an amount that does not add up": {func(log kept) int {
			at := position(log, "money.withdrawn", 4)
			log[at-1].Data = []byte(strings.Replace(string(log[at-1].Data), `"amount":`, `"amount":1`, 1))
			return at
		}, decodelog.ClassFold, "the event says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := kept(firstlog.Events(t))
			at := int64(c.break_(log))
			report := examine(t, log, decodelog.Options{})
			if report.OK() || report.Events != 377 {
				t.Fatalf("got %s", text(t, report))
			}
			found := slices.IndexFunc(report.Faults, func(f decodelog.Fault) bool { return f.Position == at })
			if found < 0 {
				t.Fatalf("event %d is not named:\n%s", at, text(t, report))
			}
			f := report.Faults[found]
			if e := log[at-1]; f.Class != c.class || !strings.Contains(f.Why, c.why) || f.StreamID != e.StreamID || f.Version != e.Version || f.Type != e.Type || f.Schema != e.Schema {
				t.Errorf("got %+v, want %s with %q", f, c.class, c.why)
			}
			if said := text(t, report); !strings.Contains(said, "FAULTY: this code cannot read or fold") || !strings.Contains(said, f.StreamID.String()) {
				t.Errorf("it says\n%s", said)
			}
		})
	}
}

func without(data []byte, member string) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		panic(err)
	}
	delete(members, member)
	data, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return data
}

// However few streams are held at a time, and however often the log is therefore read, the same is found.
func TestTheMemoryForStreamsIsBounded(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	broken := position(log, "interest.posted", 7)
	log[broken-1].Version++
	unreadable := position(log, "fee.charged", 7)
	log[unreadable-1].Data = []byte(`{}`)
	want := examine(t, log, decodelog.Options{})
	for most := 1; most < 10; most++ {
		var passes, last, total int64
		got := examine(t, log, decodelog.Options{StreamsMax: most, Progress: func(done, all int64) {
			if done <= last || all < total || done > all {
				t.Errorf("progress goes from %d of %d to %d of %d", last, total, done, all)
			}
			passes, last, total = done/377, done, all
		}})
		if last != total {
			t.Errorf("with %d streams the progress ends with %d of %d", most, last, total)
		}
		if got.Events != want.Events || got.Streams != want.Streams || got.FaultsTotal != want.FaultsTotal || !slices.Equal(got.Faults, want.Faults) {
			t.Errorf("with %d streams: %s\nwant %s", most, text(t, got), text(t, want))
		}
		if passes < int64(9/most) || most == 9 && passes != 1 {
			t.Errorf("with %d streams the log is read %d times", most, passes)
		}
	}
}

// From somewhere in the middle what is before is not known, and not held against what comes after it.
func TestFromAPosition(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	log[position(log, "money.deposited", 3)-1].Data = []byte(`{}`)
	report := examine(t, log, decodelog.Options{From: 100})
	if !report.OK() || report.Events != 278 || report.From != 100 {
		t.Errorf("got %s", text(t, report))
	}
	log[199].Version++
	if report := examine(t, log, decodelog.Options{From: 100}); report.FaultsTotal != 1 || report.Faults[0].Position != 200 {
		t.Errorf("got %s", text(t, report))
	}
	if report := examine(t, log, decodelog.Options{From: 378}); !report.OK() || report.Events != 0 {
		t.Errorf("got %s", text(t, report))
	}
}

func TestTheFirstFaultsAreListed(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	for i := range log {
		if i > 20 && log[i].Type == "money.withdrawn" {
			log[i].Schema = 7
		}
		if i < 30 && i > 9 {
			log[i].Version += 50 // found last, and listed first
		}
	}
	all := examine(t, log, decodelog.Options{FaultsMax: 1000})
	few := examine(t, log, decodelog.Options{FaultsMax: 3})
	if few.FaultsTotal != all.FaultsTotal || len(few.Faults) != 3 || !slices.Equal(few.Faults, all.Faults[:3]) || int64(len(all.Faults)) != all.FaultsTotal {
		t.Errorf("got %s\nof %s", text(t, few), text(t, all))
	}
	if !strings.Contains(text(t, few), "more\n") {
		t.Error("that there are more is not said")
	}
}

// broken fails at the second read.
type broken struct{ kept }

func (b broken) ReadLog(ctx context.Context, after int64, limit int) ([]eventstore.Event, error) {
	if after > 0 {
		return nil, errors.New("connection lost")
	}
	return b.kept.ReadLog(ctx, after, limit)
}

// panics is code that cannot take a fee.
type panics struct{ *eventcodec.Codec }

func (p panics) Payload(e eventstore.Event) (any, error) {
	if e.Type == "fee.charged" {
		panic("no fees")
	}
	return p.Codec.Payload(e)
}

func TestWhatEndsARunAndWhatDoesNot(t *testing.T) {
	t.Parallel()
	log := kept(firstlog.Events(t))
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodelog.Run(t.Context(), broken{log}, codec, decodelog.Options{}); err == nil || !strings.Contains(err.Error(), "connection lost") {
		t.Errorf("got %v", err)
	}
	report, err := decodelog.Run(t.Context(), log, panics{codec}, decodelog.Options{})
	if err != nil || report.FaultsTotal != 34 || !strings.Contains(report.Faults[0].Why, "panic: no fees") {
		t.Errorf("got %s, %v", text(t, report), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = decodelog.Run(ctx, log, codec, decodelog.Options{Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	log[3].StreamType = "audit"
	if report, err := decodelog.Run(t.Context(), log, codec, decodelog.Options{}); err != nil || report.FaultsTotal != 1 || !strings.Contains(report.Faults[0].Why, "audit") {
		t.Errorf("got %+v, %v", report, err)
	}
}
