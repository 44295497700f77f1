package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/eventstore"
)

func appendParts() []part {
	return []part{
		{"what was appended is read back as it was", readsBack},
		{"a conflict of one entry does not touch the others", verdictPerEntry},
		{"an entry on two streams stands or falls as a whole", entryIsWhole},
		{"AppendAt gives the positions behind the head", appendAtPositions},
		{"AppendAt behind a moved head writes nothing", appendAtMovedHead},
		{"AppendAt with a stale version or a known key writes nothing", appendAtRefused},
		{"an answer without events is stored", answerAlone},
		{"the booking time never goes back", clockNeverBack},
		{"a batch beyond the limits is refused", batchLimits},
		{"reads page through the log and a stream", readsPage},
	}
}

func readsBack(t *testing.T, env Env) {
	stream := uuid.New()
	valueDate := time.Date(2020, 2, 29, 12, 0, 0, 123456000, time.UTC)
	e := entry(stream, 0, 2)
	e.Appends[0].Events[1].EffectiveAt = valueDate
	before := time.Now().Add(-time.Second)
	verdict := mustAppend(t, env.Store, e)[0]
	if verdict.Position != 2 || verdict.Version != 2 {
		t.Errorf("verdict %+v, want position 2, version 2", verdict)
	}
	events, err := env.Store.ReadStream(t.Context(), stream, 0, 10)
	if err != nil || len(events) != 2 {
		t.Fatalf("read %d events, %v", len(events), err)
	}
	got, want := events[1], e.Appends[0].Events[1]
	if got.ID != want.ID || got.Type != want.Type || got.Schema != want.Schema || got.StreamType != "thing" ||
		string(got.Data) != string(want.Data) || string(got.Metadata) != string(want.Metadata) || !got.EffectiveAt.Equal(valueDate) {
		t.Errorf("read back %+v, appended %+v", got, want)
	}
	if first := events[0]; !first.EffectiveAt.Equal(first.RecordedAt) || first.RecordedAt.Before(before) {
		t.Errorf("recorded at %s, effective at %s", first.RecordedAt, first.EffectiveAt)
	}
	if m, err := got.DecodeMetadata(); err != nil || m.Actor != "storetest" {
		t.Errorf("metadata %+v, %v", m, err)
	}
}

func verdictPerEntry(t *testing.T, env Env) {
	one, two := uuid.New(), uuid.New()
	mustAppend(t, env.Store, entry(one, 0, 1))
	verdicts, err := env.Store.Append(t.Context(), []eventstore.Entry{entry(one, 0, 1), entry(two, 0, 1), entry(one, 1, 1), entry(one, eventstore.AnyVersion, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var conflict *eventstore.VersionConflict
	if !errors.As(verdicts[0].Err, &conflict) || conflict.Actual != 1 || conflict.Expected != 0 {
		t.Errorf("the stale entry: %v", verdicts[0].Err)
	}
	for i, version := range map[int]int64{1: 1, 2: 2, 3: 3} {
		if verdicts[i].Err != nil || verdicts[i].Version != version || verdicts[i].Position != int64(i+1) {
			t.Errorf("entry %d: %+v, want version %d", i, verdicts[i], version)
		}
	}
	soundLog(t, env.Store, 4)
}

func entryIsWhole(t *testing.T, env Env) {
	one, two := uuid.New(), uuid.New()
	mustAppend(t, env.Store, entry(one, 0, 1))
	both := entry(two, 0, 1)
	both.Appends = append(both.Appends, entry(one, 0, 1).Appends...)
	verdicts, err := env.Store.Append(t.Context(), []eventstore.Entry{both})
	var conflict *eventstore.VersionConflict
	if err != nil || !errors.As(verdicts[0].Err, &conflict) || conflict.StreamID != one {
		t.Fatalf("verdict %+v, %v", verdicts, err)
	}
	soundLog(t, env.Store, 1)
}

func appendAtPositions(t *testing.T, env Env) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	if err := appendAt(t.Context(), env.Store, eventstore.Head{}, now, []eventstore.Entry{entry(uuid.New(), 0, 2), entry(uuid.New(), 0, 1)}); err != nil {
		t.Fatal(err)
	}
	if h := head(t, env.Store); h.Position != 3 || !h.RecordedAt.Equal(now) {
		t.Errorf("head %+v, want 3 at %s", h, now)
	}
	if got := positions(t, env.Store); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("positions %v", got)
	}
}

func appendAtMovedHead(t *testing.T, env Env) {
	mustAppend(t, env.Store, entry(uuid.New(), 0, 1))
	err := appendAt(t.Context(), env.Store, eventstore.Head{}, time.Now(), []eventstore.Entry{keyed(uuid.New(), 0, "late")})
	if !errors.Is(err, eventstore.ErrHeadMoved) {
		t.Fatalf("got %v", err)
	}
	soundLog(t, env.Store, 1)
	noAnswer(t, env.Store, "late")
}

func noAnswer(t *testing.T, store *eventstore.Store, key string) {
	t.Helper()
	answers, err := store.Answers(t.Context(), []eventstore.Key{{Caller: "storetest", Key: key}})
	if err != nil || len(answers) != 0 {
		t.Errorf("answers %v, %v; want none", answers, err)
	}
}

func appendAtRefused(t *testing.T, env Env) {
	stream := uuid.New()
	mustAppend(t, env.Store, keyed(stream, 0, "known"))
	at := head(t, env.Store)

	stale := []eventstore.Entry{keyed(uuid.New(), 0, "beside"), entry(stream, 0, 1)}
	var conflict *eventstore.VersionConflict
	if err := appendAt(t.Context(), env.Store, at, at.Next(time.Now()), stale); !errors.As(err, &conflict) {
		t.Errorf("a stale version: %v", err)
	}
	again := []eventstore.Entry{keyed(uuid.New(), 0, "beside"), keyed(stream, 1, "known")}
	var taken *eventstore.KeyTaken
	if err := appendAt(t.Context(), env.Store, at, at.Next(time.Now()), again); !errors.As(err, &taken) {
		t.Errorf("a known key: %v", err)
	}
	if err := appendAt(t.Context(), env.Store, at, at.Next(time.Now()), []eventstore.Entry{entry(stream, eventstore.AnyVersion, 1)}); err == nil {
		t.Error("AppendAt took AnyVersion")
	}
	soundLog(t, env.Store, 1)
	noAnswer(t, env.Store, "beside")
}

func answerAlone(t *testing.T, env Env) {
	refused := keyed(uuid.New(), 0, "refused")
	refused.Appends, refused.Answer.Status = nil, 422
	if err := appendAt(t.Context(), env.Store, eventstore.Head{}, time.Now(), []eventstore.Entry{refused}); err != nil {
		t.Fatal(err)
	}
	soundLog(t, env.Store, 0)
	answers, err := env.Store.Answers(t.Context(), []eventstore.Key{refused.Answer.Key, {Caller: "other", Key: "refused"}})
	if err != nil || len(answers) != 1 {
		t.Fatalf("answers %v, %v", answers, err)
	}
	got := answers[refused.Answer.Key]
	if got.Status != 422 || string(got.Body) != string(refused.Answer.Body) || got.Fingerprint != refused.Answer.Fingerprint || got.StreamID != refused.Answer.StreamID {
		t.Errorf("read back %+v, stored %+v", got, refused.Answer)
	}
}

func clockNeverBack(t *testing.T, env Env) {
	future := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	if err := appendAt(t.Context(), env.Store, eventstore.Head{}, future, []eventstore.Entry{entry(uuid.New(), 0, 1)}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, env.Store, entry(uuid.New(), 0, 1))
	soundLog(t, env.Store, 2)
	if got := head(t, env.Store).Next(time.Now()); !got.Equal(future) {
		t.Errorf("the next booking time is %s, before the head's %s", got, future)
	}
}

func batchLimits(t *testing.T, env Env) {
	many := entry(uuid.New(), 0, eventstore.EventsMax+1)
	if err := appendAt(t.Context(), env.Store, eventstore.Head{}, time.Now(), []eventstore.Entry{many}); err == nil {
		t.Error("a batch of too many events was taken")
	}
	fat := entry(uuid.New(), 0, 1)
	fat.Appends[0].Events[0].Data = make([]byte, eventstore.PayloadMax+1)
	if _, err := env.Store.Append(t.Context(), []eventstore.Entry{fat}); err == nil {
		t.Error("a payload beyond the limit was taken")
	}
	soundLog(t, env.Store, 0)
}

func readsPage(t *testing.T, env Env) {
	stream := uuid.New()
	mustAppend(t, env.Store, entry(stream, 0, 5), entry(uuid.New(), 0, 5))
	page, err := env.Store.ReadLog(t.Context(), 3, 4)
	if err != nil || len(page) != 4 || page[0].Position != 4 || page[3].Position != 7 {
		t.Errorf("log page %v, %v", page, err)
	}
	page, err = env.Store.ReadStream(t.Context(), stream, 3, 10)
	if err != nil || len(page) != 2 || page[0].Version != 4 {
		t.Errorf("stream page %v, %v", page, err)
	}
	if page, err = env.Store.ReadStream(t.Context(), uuid.New(), 0, 10); err != nil || len(page) != 0 {
		t.Errorf("unknown stream: %v, %v", page, err)
	}
}
