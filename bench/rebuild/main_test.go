package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/reversal"
)

func TestExitCodesOfWrongFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{"-events 0": 2, "-accounts -1": 2, "-colour": 2, "more": 2, "-h": 0} {
		if got := run(t.Context(), strings.Fields(args), t.Output(), t.Output()); got != want {
			t.Errorf("%q exits with %d, want %d", args, got, want)
		}
	}
}

// A history is a log: positions and the versions of each stream without gaps, times that never go back, payloads that fold.
func TestHistoryCouldHaveHappened(t *testing.T) {
	t.Parallel()
	h := &history{random: rand.New(rand.NewPCG(3, 1)), accounts: make([]account.State, 50), left: 4_000, at: time.Unix(1_750_000_000, 0).UTC(), undone: map[uuid.UUID]reversal.State{}}
	streams, types := map[uuid.UUID]bank.Aggregate{}, map[string]int{}
	position, last := int64(0), time.Time{}
	for h.Next() {
		row, err := h.Values()
		if err != nil {
			t.Fatal(err)
		}
		id, version, at := uuid.UUID(row[5].([16]byte)), row[1].(int64), row[3].(time.Time)
		position++
		if row[0].(int64) != position || version != bank.Version(streams[id])+1 || at.Before(last) {
			t.Fatalf("event %v of %s is version %d at %v, after position %d, version %d, %v", row[0], id, version, at, position-1, bank.Version(streams[id]), last)
		}
		last = at
		event, err := bank.Decode(row[7].(string), row[8].(string), int(row[6].(int16)), row[9].([]byte))
		if err != nil {
			t.Fatal(err)
		}
		streams[id], _ = bank.Evolve(streams[id], id, event, at)
		types[row[8].(string)]++
	}
	accounts := 0
	for _, a := range streams {
		if bank.StreamType(a) == account.StreamType {
			accounts++
		}
	}
	if h.Err() != nil || position != 4_000 || accounts != 50 {
		t.Errorf("%d events of %d accounts: %v", position, accounts, h.Err())
	}
	for _, kind := range []string{"transfer.sent", "transfer.received", "hold.placed", "hold.captured", "hold.released", "reversal.posted", "transaction.reversed"} {
		if types[kind] == 0 {
			t.Errorf("no %s: %v", kind, types)
		}
	}
}
