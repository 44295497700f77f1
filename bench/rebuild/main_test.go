package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
)

func TestExitCodesOfWrongFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{"-events 0": 2, "-accounts -1": 2, "-colour": 2, "more": 2, "-h": 0} {
		if got := run(t.Context(), strings.Fields(args), t.Output(), t.Output()); got != want {
			t.Errorf("%q exits with %d, want %d", args, got, want)
		}
	}
}

// A history is a log: positions and the versions of each account without gaps, times that never go back, payloads that fold.
func TestHistoryCouldHaveHappened(t *testing.T) {
	t.Parallel()
	h := &history{random: rand.New(rand.NewPCG(3, 1)), accounts: make([]account.State, 50), left: 2_000, at: time.Unix(1_750_000_000, 0).UTC()}
	states := map[uuid.UUID]account.State{}
	position, last := int64(0), time.Time{}
	for h.Next() {
		row, err := h.Values()
		if err != nil {
			t.Fatal(err)
		}
		id, version := uuid.UUID(row[5].([16]byte)), row[1].(int64)
		position++
		if row[0].(int64) != position || version != states[id].Version+1 || row[3].(time.Time).Before(last) {
			t.Fatalf("event %v of %s is version %d at %v, after position %d, version %d, %v", row[0], id, version, row[3], position-1, states[id].Version, last)
		}
		last = row[3].(time.Time)
		event, err := account.Decode(row[8].(string), int(row[6].(int16)), row[9].([]byte))
		if err != nil {
			t.Fatal(err)
		}
		states[id] = account.Evolve(states[id], event, last)
	}
	if h.Err() != nil || position != 2_000 || len(states) != 50 {
		t.Errorf("%d events of %d accounts: %v", position, len(states), h.Err())
	}
}
