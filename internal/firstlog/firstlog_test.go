package firstlog_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"slices"
	"testing"

	"passbook/eventstore"
	"passbook/internal/eventcodec"
	"passbook/internal/firstlog"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// The first log is never made anew: these are the sums of what was dumped then.
func TestItIsTheFirstLog(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"testdata/events.jsonl.gz":  "4c15733965c1531753d07ea07b1f5e2ef0d19aa98a67dcdd304db5438ee172e6",
		"testdata/answers.jsonl.gz": "4aec1488a39f579d9defa1826bf148082405b33828f208e2fa43e9ecc951f9a4",
	} {
		packed, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(packed)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s is %s, was %s", file, got, want)
		}
	}
	if n := len(firstlog.Answers(t)); n != 103 {
		t.Errorf("%d answers", n)
	}
}

// Every shape of that code is in it, and each event is read by this one's.
func TestEveryEventOfItIsRead(t *testing.T) {
	t.Parallel()
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, e := range firstlog.Events(t) {
		types[e.Type] = true
		if payload, err := codec.Decode(e); err != nil || payload == nil || e.Schema != 1 {
			t.Errorf("event %d, %s/%d: %v", e.Position, e.Type, e.Schema, err)
		}
	}
	want := []string{"account.closed", "account.frozen", "account.opened", "account.reopened", "account.settings_changed", "account.unfrozen",
		"fee.charged", "interest.posted", "money.deposited", "money.withdrawn"}
	if got := slices.Sorted(maps.Keys(types)); !slices.Equal(got, want) {
		t.Errorf("it has %v, want %v", got, want)
	}
}

// What is loaded is what was dumped, byte for byte.
func TestLoad(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, eventstore.Migrations).Pool(t, "")
	firstlog.Load(t.Context(), t, pool)
	store, log := eventstore.New(pool), firstlog.Events(t)
	head, err := store.Head(t.Context())
	if err != nil || head.Position != int64(len(log)) || !head.RecordedAt.Equal(log[len(log)-1].RecordedAt) {
		t.Errorf("the head is %+v, %v", head, err)
	}
	loaded, err := store.ReadLog(t.Context(), 0, len(log)+1)
	if err != nil || len(loaded) != len(log) {
		t.Fatalf("%d of %d events, %v", len(loaded), len(log), err)
	}
	for i, e := range loaded {
		want := log[i]
		if string(e.Data) != string(want.Data) || string(e.Metadata) != string(want.Metadata) || e.ID != want.ID || e.StreamID != want.StreamID || e.Version != want.Version ||
			e.Type != want.Type || e.StreamType != want.StreamType || e.Schema != want.Schema || !e.EffectiveAt.Equal(want.EffectiveAt) || !e.RecordedAt.Equal(want.RecordedAt) {
			t.Errorf("got %+v, want %+v", e, want)
		}
	}
}
