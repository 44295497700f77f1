package command

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/eventstore"
)

// A decision whose event nobody could read again is an error of its command alone: stored, it would stop the account for ever.
func TestWhatCannotBeReadAgainIsNotStored(t *testing.T) {
	t.Parallel()
	id, eur := uuid.New(), money.MustCurrency("EUR")
	d := decider{batch: newBatch(eventstore.Head{}, 1, new(eventstore.Batch))}
	opened := account.Opened{AccountID: id, OwnerID: "ada", OwnerName: "Ada", Currency: eur}
	unreadable := account.HoldPlaced{HoldID: uuid.New(), Amount: 1, Currency: eur, HeldAfter: money.MaxAmount + 1}
	change := bank.Change{StreamType: account.StreamType, StreamID: id, Events: []bank.Event{opened, unreadable}}
	if _, err := d.evolve(&item{}, []bank.Change{change}); err == nil || !strings.Contains(err.Error(), "hold.placed could not be read again") {
		t.Fatalf("got %v", err)
	}
	if d.states[id] != nil || d.unlogged != 0 {
		t.Errorf("of the decision is left %v, %d events", d.states[id], d.unlogged)
	}
	change.Events = change.Events[:1]
	if entry, err := d.evolve(&item{}, []bank.Change{change}); err != nil || entry.Events() != 1 {
		t.Errorf("a good one: %+v, %v", entry, err)
	}
}
