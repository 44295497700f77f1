// Package readmodeltest writes the history of a bank into a log, for tests and measurements of whatever reads it. It decides
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
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
	"passbook/eventstore"
)

// Generator is a bank full of customers. The same seed makes the same histories, apart from event ids.
type Generator struct {
	store  *eventstore.Store
	random *rand.Rand
	head   eventstore.Head
	at     time.Time // when the next batch is booked
	pause  time.Duration

	world     map[uuid.UUID]bank.Aggregate
	accounts  []uuid.UUID
	payments  []uuid.UUID
	approvals []uuid.UUID
	waiting   map[uuid.UUID]bank.Command // in approvals
	originals []bank.Original            // some that may be undone

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
		store: store, random: rand.New(rand.NewPCG(seed, 1)), head: eventstore.Head{RecordedAt: beginning}, //nolint:gosec // a seed must repeat it
		pause: 3 * time.Hour, world: map[uuid.UUID]bank.Aggregate{}, waiting: map[uuid.UUID]bank.Command{}, AccountsMax: 40, Batch: 100,
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

// Accounts returns the accounts as they are now, in the order of their opening.
func (g *Generator) Accounts() []account.State {
	states := make([]account.State, len(g.accounts))
	for i, id := range g.accounts {
		states[i] = g.account(id)
	}
	return states
}

// Payments returns the payments as they are now.
func (g *Generator) Payments() []payment.State {
	states := make([]payment.State, len(g.payments))
	for i, id := range g.payments {
		states[i], _ = g.world[id].(payment.State)
	}
	return states
}

// Approvals returns the approvals as they are now.
func (g *Generator) Approvals() []approval.State {
	states := make([]approval.State, len(g.approvals))
	for i, id := range g.approvals {
		states[i], _ = g.world[id].(approval.State)
	}
	return states
}

// Aggregate implements bank.World.
func (g *Generator) Aggregate(id uuid.UUID) bank.Aggregate { return g.world[id] }

func (g *Generator) account(id uuid.UUID) account.State {
	s, _ := g.world[id].(account.State)
	return s
}

// Write appends n events and returns the head. Nobody else may write meanwhile.
func (g *Generator) Write(ctx context.Context, n int) (eventstore.Head, error) {
	for n > 0 {
		var entries []eventstore.Entry
		size := 0
		g.tick()
		for size < min(n, g.Batch) {
			entry, events, err := g.entry(min(n, g.Batch) - size)
			if err != nil {
				return g.head, err
			}
			entries = append(entries, entry)
			size += events
		}
		if err := g.commit(ctx, entries, size); err != nil {
			return g.head, err
		}
		n -= size
	}
	return g.head, nil
}

// tick chooses when the next batch is booked: what is in it is decided at that time.
func (g *Generator) tick() {
	g.at = time.Now().UTC().Truncate(time.Microsecond)
	if g.pause > 0 {
		g.at = g.head.RecordedAt.Add(time.Duration(g.random.Int64N(int64(g.pause)))).Truncate(time.Microsecond)
	}
}

func (g *Generator) commit(ctx context.Context, entries []eventstore.Entry, size int) error {
	batch, err := eventstore.NewBatch(g.at, entries...)
	if err != nil {
		return err
	}
	if err := g.store.AppendAt(ctx, g.head, batch); err != nil {
		return fmt.Errorf("write %d events behind %d: %w", size, g.head.Position, err)
	}
	g.head = batch.After(g.head)
	return nil
}

// entry decides commands until one leaves events behind, at most so many, and returns how many.
func (g *Generator) entry(most int) (eventstore.Entry, int, error) {
	for {
		changes, err := g.decide(g.command())
		size := 0
		for _, c := range changes {
			size += len(c.Events)
		}
		if _, refused := errors.AsType[bank.Refusal](err); refused || err == nil && (size == 0 || size > most) {
			continue
		}
		if err != nil {
			return eventstore.Entry{}, 0, fmt.Errorf("decide: %w", err)
		}
		var entry eventstore.Entry
		for _, c := range changes {
			entry.Appends = append(entry.Appends, g.enter(c))
		}
		return entry, size, nil
	}
}

// decide decides a command. Some of those that move money wait for a second person.
func (g *Generator) decide(c bank.Command) ([]bank.Change, error) {
	changes, err := bank.Decide(g, c, g.at)
	m, moves := bank.Moves(c, changes)
	if err != nil || !moves || m.Amount < 2 || g.random.IntN(15) > 0 {
		return changes, err
	}
	id := g.id()
	g.waiting[id] = c
	ask := approval.Request{ApprovalID: id, Money: m, Threshold: m.Amount / 2, Maker: g.word("teller"), OwnedBy: one(g, []string{"", "owner"}), ExpiresAt: g.at.Add(time.Hour + time.Duration(g.random.Int64N(int64(12*time.Hour)))).Truncate(time.Microsecond)}
	if g.random.IntN(3) == 0 {
		ask.EffectiveAt = g.at.Add(-24 * time.Hour)
	}
	return bank.AskForApproval(c, ask, g.at)
}

// enter folds a change into the world.
func (g *Generator) enter(c bank.Change) eventstore.Append {
	before := g.world[c.StreamID]
	appended := eventstore.Append{StreamType: c.StreamType, StreamID: c.StreamID, Expected: bank.Version(before)}
	switch {
	case before != nil:
	case c.StreamType == account.StreamType:
		g.accounts = append(g.accounts, c.StreamID)
	case c.StreamType == payment.StreamType:
		g.payments = append(g.payments, c.StreamID)
	case c.StreamType == approval.StreamType:
		g.approvals = append(g.approvals, c.StreamID)
	}
	for _, event := range c.Events {
		g.world[c.StreamID], _ = bank.Evolve(g.world[c.StreamID], c.StreamID, event, g.at)
		appended.Events = append(appended.Events, g.envelope(event))
		if movement, ok := event.(account.Event); ok {
			g.remember(bank.OriginalOf(c.StreamID, movement))
		}
	}
	return appended
}

// originalsMax bounds what is remembered of movements.
const originalsMax = 50

func (g *Generator) remember(o bank.Original, moved bool) {
	switch {
	case !moved:
	case len(g.originals) < originalsMax:
		g.originals = append(g.originals, o)
	default:
		g.originals[g.random.IntN(originalsMax)] = o
	}
}

func (g *Generator) envelope(event bank.Event) eventstore.NewEvent {
	name, schema, data := bank.Encode(event)
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
		id[i] = byte(g.random.Uint32()) //nolint:gosec // its lowest bits are as random as any
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}

var currencies = []money.Currency{money.MustCurrency("EUR"), money.MustCurrency("CZK"), money.MustCurrency("JPY")}
