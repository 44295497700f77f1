package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
)

// batch is the commands that are decided and committed together, behind one head of the log. Its states are its own: the
// picture learns of them after the commit, so a batch that fails has changed nothing.
type batch struct {
	head       eventstore.Head // what it is decided behind
	recordedAt time.Time
	opened     time.Time

	items   []*item
	replies []reply // one an item, as far as decided
	states  map[uuid.UUID]account.State
	broken  map[uuid.UUID]error // accounts whose history cannot be read
	answers map[eventstore.Key]eventstore.Answer

	log     *eventstore.Batch // what is appended
	changed []change          // the accounts it changes, as often as it does
}

// change is an account that moved on from a version.
type change struct {
	id     uuid.UUID
	before int64
}

type reply struct {
	answer Answer
	err    error
}

func newBatch(head eventstore.Head, size int) *batch {
	now := time.Now()
	recordedAt := head.Next(now)
	log, err := eventstore.NewBatch(recordedAt)
	if err != nil {
		panic(err) // an empty one is always possible
	}
	return &batch{
		head: head, recordedAt: recordedAt, opened: now, log: log,
		items: make([]*item, 0, size), replies: make([]reply, 0, size), changed: make([]change, 0, size),
		states: make(map[uuid.UUID]account.State, size),
	}
}

// after is the head of the log once the batch is committed.
func (b *batch) after() eventstore.Head {
	return eventstore.Head{Position: b.head.Position + b.log.Events(), RecordedAt: b.recordedAt}
}

func keysOf(items []*item) []eventstore.Key {
	keys := make([]eventstore.Key, len(items))
	for i, it := range items {
		keys[i] = it.request.key()
	}
	return keys
}

// missing lists the accounts of the items that nobody has in memory, and takes over those that somebody has.
func (b *batch) missing(items []*item, known func(uuid.UUID) (account.State, bool)) (ids []uuid.UUID) {
	for _, it := range items {
		id := it.request.AccountID
		if _, here := b.states[id]; here {
			continue
		}
		state, found := known(id)
		b.states[id] = state
		if !found {
			ids = append(ids, id)
		}
	}
	return ids
}

// decider decides the items of a batch, in their order.
type decider struct {
	*batch
	render Renderer
}

// decideAll adds the items, whose accounts must be in states, and decides them.
func (d *decider) decideAll(items []*item) {
	for _, it := range items {
		d.items = append(d.items, it)
		d.replies = append(d.replies, d.decide(it))
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
	events, err := judge(request, before, d.recordedAt)
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
func judge(request *Request, state account.State, at time.Time) ([]account.Event, error) {
	exists := state.Status != account.StatusNone
	if request.OwnedBy != "" && (!exists || state.OwnerID != request.OwnedBy) {
		return nil, account.NotFound{}
	}
	if exists && request.IfVersion != NoVersion && request.IfVersion != state.Version {
		return nil, &VersionMismatch{Expected: request.IfVersion, Actual: state.Version}
	}
	return account.Decide(state, request.Command, at)
}

// answer lays down what the command leaves in the log and renders what is said to its caller.
func (d *decider) answer(it *item, before account.State, events []account.Event, refusal error) reply {
	request := &it.request
	after, stored := d.evolve(it, before, events)
	outcome := Outcome{
		State: after, TransactionID: transactionOf(events), RecordedAt: d.recordedAt,
		Position: d.head.Position + d.log.Events() + int64(len(stored)), Refusal: refusal,
	}
	status, body := d.render(*request, outcome)
	answer := Answer{Status: status, Body: body, AccountID: request.AccountID, Version: after.Version, Position: outcome.Position}

	entry := eventstore.Entry{}
	if len(stored) > 0 {
		entry.Appends = []eventstore.Append{{
			StreamType: account.StreamType, StreamID: request.AccountID, Expected: before.Version, Events: stored,
		}}
		d.states[request.AccountID] = after
		d.changed = append(d.changed, change{request.AccountID, before.Version})
	}
	if kept(status) {
		entry.Answer = &eventstore.Answer{
			Key: request.key(), Fingerprint: request.Fingerprint, StreamID: request.AccountID,
			Version: answer.Version, Position: answer.Position, Status: status, Body: body,
		}
	}
	if err := d.log.Add(&entry); err != nil {
		panic(fmt.Sprintf("a decision beyond the limits of the log: %v", err)) // the domain's limits are narrower
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
		state = account.Evolve(state, event, d.recordedAt)
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
