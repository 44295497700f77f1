package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
)

// batch is the commands that are decided and committed together. Its states are its own: the picture learns of them after
// the commit, so a batch that fails has changed nothing.
type batch struct {
	items   []*item
	states  map[uuid.UUID]account.State
	broken  map[uuid.UUID]error // accounts whose history cannot be read
	answers map[eventstore.Key]eventstore.Answer

	entries []eventstore.Entry
	replies []reply // one an item
	events  int64
}

type reply struct {
	answer Answer
	err    error
}

func newBatch(items []*item) *batch {
	return &batch{
		items: items, states: make(map[uuid.UUID]account.State, len(items)),
		entries: make([]eventstore.Entry, 0, len(items)), replies: make([]reply, len(items)),
	}
}

// reset forgets every decision, so that the batch can be decided again.
func (b *batch) reset() {
	clear(b.states)
	clear(b.broken)
	clear(b.replies)
	b.entries, b.events, b.answers = b.entries[:0], 0, nil
}

func (b *batch) keys() []eventstore.Key {
	keys := make([]eventstore.Key, len(b.items))
	for i, it := range b.items {
		keys[i] = it.request.key()
	}
	return keys
}

// missing lists the accounts that are not in memory, and takes over those that are.
func (b *batch) missing(known *picture) (ids []uuid.UUID) {
	for _, it := range b.items {
		id := it.request.AccountID
		if _, here := b.states[id]; here {
			continue
		}
		state, cached := known.get(id)
		b.states[id] = state
		if !cached {
			ids = append(ids, id)
		}
	}
	return ids
}

// decider decides a batch behind one head of the log.
type decider struct {
	*batch
	head       eventstore.Head
	recordedAt time.Time
	render     Renderer
}

func (d *decider) decideAll() {
	for i, it := range d.items {
		d.replies[i] = d.decide(it)
	}
}

func (d *decider) decide(it *item) reply {
	request := &it.request
	if stored, replayed := d.answers[request.key()]; replayed {
		return replay(request, stored)
	}
	if err := d.broken[request.AccountID]; err != nil {
		return reply{err: err}
	}
	before := d.states[request.AccountID]
	events, err := judge(request, before)
	var mismatch *VersionMismatch
	if errors.As(err, &mismatch) {
		return reply{err: err}
	}
	return d.answer(it, before, events, err)
}

func replay(request *Request, stored eventstore.Answer) reply {
	if stored.Fingerprint != request.Fingerprint {
		return reply{err: ErrKeyReused}
	}
	return reply{answer: Answer{
		Status: stored.Status, Body: stored.Body, AccountID: stored.StreamID,
		Version: stored.Version, Position: stored.Position, Replayed: true,
	}}
}

// judge applies the rules that stand before the domain's: whose account it is, and at which version.
func judge(request *Request, state account.State) ([]account.Event, error) {
	exists := state.Status != account.StatusNone
	if request.OwnedBy != "" && (!exists || state.OwnerID != request.OwnedBy) {
		return nil, account.NotFound{}
	}
	if exists && request.IfVersion != NoVersion && request.IfVersion != state.Version {
		return nil, &VersionMismatch{Expected: request.IfVersion, Actual: state.Version}
	}
	return account.Decide(state, request.Command)
}

// answer lays down what the command leaves in the log and renders what is said to its caller.
func (d *decider) answer(it *item, before account.State, events []account.Event, refusal error) reply {
	request := &it.request
	after, stored := d.evolve(it, before, events)
	outcome := Outcome{
		State: after, TransactionID: transactionOf(events), RecordedAt: d.recordedAt,
		Position: d.head.Position + d.events + int64(len(stored)), Refusal: refusal,
	}
	status, body := d.render(*request, outcome)
	answer := Answer{Status: status, Body: body, AccountID: request.AccountID, Version: after.Version, Position: outcome.Position}

	entry := eventstore.Entry{}
	if len(stored) > 0 {
		entry.Appends = []eventstore.Append{{
			StreamType: account.StreamType, StreamID: request.AccountID, Expected: before.Version, Events: stored,
		}}
		d.states[request.AccountID] = after
		d.events += int64(len(stored))
	}
	if kept(status) {
		entry.Answer = &eventstore.Answer{
			Key: request.key(), Fingerprint: request.Fingerprint, StreamID: request.AccountID,
			Version: answer.Version, Position: answer.Position, Status: status, Body: body,
		}
	}
	if entry.Appends != nil || entry.Answer != nil {
		d.entries = append(d.entries, entry)
	}
	return reply{answer: answer}
}

func (d *decider) evolve(it *item, state account.State, events []account.Event) (account.State, []eventstore.NewEvent) {
	if len(events) == 0 {
		return state, nil
	}
	stored := make([]eventstore.NewEvent, len(events))
	for i, event := range events {
		typ, schema, data := account.Encode(event)
		stored[i] = eventstore.NewEvent{
			ID: newID(), Type: typ, Schema: schema, Data: data, Metadata: it.metadata, EffectiveAt: it.request.EffectiveAt,
		}
		state = account.Evolve(state, event)
	}
	return state, stored
}

func transactionOf(events []account.Event) uuid.UUID {
	for _, event := range events {
		if movement, moved := account.MovementOf(event); moved {
			return movement.TransactionID
		}
	}
	return uuid.Nil
}

// newID returns a UUIDv7. It fails only without a source of randomness, and then nothing may go on.
func newID() uuid.UUID {
	id, err := uuid.NewV7()
	if err != nil {
		panic(fmt.Sprintf("no randomness: %v", err))
	}
	return id
}
