// Package readmodeltest writes account histories into a log, for tests and measurements of whatever reads it. It decides
// with the domain's own rules, so what it writes could have happened.
package readmodeltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
)

// Generator is a bank full of customers. The same seed makes the same histories, apart from event ids.
type Generator struct {
	store    *eventstore.Store
	random   *rand.Rand
	accounts []account.State
	head     eventstore.Head
	pause    time.Duration

	// AccountsMax is how many accounts are opened before the old ones are used only.
	AccountsMax int
	// Batch is how many events are committed at once.
	Batch int
}

// beginning of the made-up time: booking times move on from here, so that tests can ask for the past.
var beginning = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// New returns a generator that continues an empty log, with a made-up clock.
func New(store *eventstore.Store, seed uint64) *Generator {
	return &Generator{
		store: store, random: rand.New(rand.NewPCG(seed, 1)), head: eventstore.Head{RecordedAt: beginning},
		pause: 3 * time.Hour, AccountsMax: 40, Batch: 100,
	}
}

// NewLive is New with the clock of this machine.
func NewLive(store *eventstore.Store, seed uint64) *Generator {
	g := New(store, seed)
	g.pause = 0
	return g
}

// Behind lets the generator go on behind a head that others have left, with accounts of its own.
func (g *Generator) Behind(head eventstore.Head) *Generator {
	g.head = head
	return g
}

// Head is the end of what was written.
func (g *Generator) Head() eventstore.Head { return g.head }

// Accounts returns the accounts as they are now.
func (g *Generator) Accounts() []account.State { return g.accounts }

// Write appends n events and returns the head. Nobody else may write meanwhile.
func (g *Generator) Write(ctx context.Context, n int) (eventstore.Head, error) {
	for n > 0 {
		var entries []eventstore.Entry
		size := 0
		for size < min(n, g.Batch) {
			entry, err := g.entry()
			if err != nil {
				return g.head, err
			}
			entries = append(entries, entry)
			size += len(entry.Appends[0].Events)
		}
		if err := g.commit(ctx, entries, size); err != nil {
			return g.head, err
		}
		n -= size
	}
	return g.head, nil
}

func (g *Generator) commit(ctx context.Context, entries []eventstore.Entry, size int) error {
	at := time.Now().UTC().Truncate(time.Microsecond)
	if g.pause > 0 {
		at = g.head.RecordedAt.Add(time.Duration(g.random.Int64N(int64(g.pause)))).Truncate(time.Microsecond)
	}
	batch, err := eventstore.NewBatch(at, entries...)
	if err != nil {
		return err
	}
	if err := g.store.AppendAt(ctx, g.head.Position, batch); err != nil {
		return fmt.Errorf("write %d events behind %d: %w", size, g.head.Position, err)
	}
	g.head = eventstore.Head{Position: g.head.Position + int64(size), RecordedAt: at}
	return nil
}

// entry decides commands until one leaves events behind.
func (g *Generator) entry() (eventstore.Entry, error) {
	for {
		state := g.pick()
		events, err := account.Decide(*state, g.command(*state), g.head.RecordedAt)
		if _, refused := errors.AsType[account.Refusal](err); refused || err == nil && len(events) == 0 {
			continue
		}
		if err != nil {
			return eventstore.Entry{}, fmt.Errorf("decide: %w", err)
		}
		appended := eventstore.Append{StreamType: account.StreamType, Expected: state.Version}
		for _, event := range events {
			*state = account.Evolve(*state, event, g.head.RecordedAt)
			appended.Events = append(appended.Events, g.envelope(event))
		}
		appended.StreamID = state.ID
		return eventstore.Entry{Appends: []eventstore.Append{appended}}, nil
	}
}

// pick returns an account; one without a version is yet to be opened.
func (g *Generator) pick() *account.State {
	opening := len(g.accounts) == 0 || len(g.accounts) < g.AccountsMax && g.random.IntN(10) == 0
	if opening {
		g.accounts = append(g.accounts, account.State{})
		return &g.accounts[len(g.accounts)-1]
	}
	return &g.accounts[g.random.IntN(len(g.accounts))]
}

func (g *Generator) envelope(event account.Event) eventstore.NewEvent {
	name, schema, data := account.Encode(event)
	stored := eventstore.NewEvent{ID: g.id(), Type: name, Schema: schema, Data: data, Metadata: []byte(`{"actor":"generator"}`)}
	if g.random.IntN(3) == 0 { // dated back
		stored.EffectiveAt = g.head.RecordedAt.Add(-time.Duration(g.random.Int64N(int64(60 * 24 * time.Hour)))).Truncate(24 * time.Hour)
	}
	return stored
}

// id is random as version 7 ids are, but in the generator's own hand.
func (g *Generator) id() uuid.UUID {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(g.random.Uint32())
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}

var currencies = []money.Currency{money.MustCurrency("EUR"), money.MustCurrency("CZK"), money.MustCurrency("JPY")}
