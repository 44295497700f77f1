package command

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/eventstore"
)

// batch is the commands that are decided and committed together, behind one head of the log. Its states are its own: the
// picture learns of them after the commit, so a batch that fails has changed nothing.
type batch struct {
	head       eventstore.Head // what it is decided behind
	recordedAt time.Time
	opened     time.Time

	items   []*item
	replies []reply                      // one an item, as far as decided
	states  map[uuid.UUID]bank.Aggregate // nil: there is none
	broken  map[uuid.UUID]error          // aggregates whose history cannot be read
	answers map[eventstore.Key]eventstore.Answer

	log      *eventstore.Batch // what is appended
	unlogged int64             // events that are decided and not in it yet
	changed  []change          // the aggregates it changes, as often as it does
}

// change is an aggregate that moved on.
type change struct {
	id     uuid.UUID
	before bank.Aggregate
}

type reply struct {
	answer Answer
	err    error
}

// newBatch decides behind the head, and lays out what is to be appended in log, which nobody else has a use for.
func newBatch(head eventstore.Head, size int, log *eventstore.Batch) *batch {
	now := time.Now()
	recordedAt := head.Next(now)
	log.Reset(recordedAt)
	return &batch{
		head: head, recordedAt: recordedAt, opened: now, log: log,
		items: make([]*item, 0, size), replies: make([]reply, 0, size), changed: make([]change, 0, size),
		states: make(map[uuid.UUID]bank.Aggregate, size),
	}
}

// after is the head of the log once the batch is committed.
func (b *batch) after() eventstore.Head { return b.log.After(b.head) }

func keysOf(items []*item) []eventstore.Key {
	keys := make([]eventstore.Key, 0, len(items))
	for _, it := range items {
		for request := range it.requests() {
			if !request.DryRun {
				keys = append(keys, request.key())
			}
		}
	}
	return keys
}

// missing lists the aggregates that the items concern and that nobody has in memory, takes over those that somebody has, and
// counts how often it was had.
func (b *batch) missing(items []*item, known func(uuid.UUID) (bank.Aggregate, bool)) (ids []uuid.UUID, had int) {
	var room [4]uuid.UUID
	for _, it := range items {
		for request := range it.requests() {
			for _, id := range bank.Concerned(request.Command, room[:0]) {
				if _, here := b.states[id]; here {
					had++
					continue
				}
				state, found := known(id)
				b.states[id] = state
				if found {
					had++
				} else {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids, had
}

// Aggregate implements bank.World.
func (b *batch) Aggregate(id uuid.UUID) bank.Aggregate { return b.states[id] }

// account is the account of a command that is about it in the first place; the zero state when there is none.
func (b *batch) account(c bank.Command) account.State {
	state, _ := b.states[bank.Principal(c)].(account.State)
	return state
}

// decider decides the items of a batch, in their order.
type decider struct {
	*batch
	render    Renderer
	approvals *Approvals
	together  bool // deciding a group, whose dry runs build on each other
}

// decideAll adds the items, whose aggregates must be in states, and decides them.
func (d *decider) decideAll(items []*item) {
	for _, it := range items {
		d.items = append(d.items, it)
		if it.group != nil {
			d.replies = append(d.replies, d.decideGroup(it))
			continue
		}
		r, entry := d.decide(it)
		d.add(entry)
		d.replies = append(d.replies, r)
	}
}

// decide decides one command. The states are then those after it, and the entry is what is to stand in the log: it must be added
// before the next one is decided, or the change undone.
func (d *decider) decide(it *item) (reply, eventstore.Entry) {
	request := &it.request
	if stored, replayed := d.answers[request.key()]; replayed && !request.DryRun {
		return replay(request, stored), eventstore.Entry{}
	}
	var room [4]uuid.UUID
	for _, id := range bank.Concerned(request.Command, room[:0]) {
		if err := d.broken[id]; err != nil {
			return reply{err: err}, eventstore.Entry{}
		}
	}
	changes, err := judge(d, request, d.account(request.Command), d.recordedAt)
	var mismatch *VersionMismatch
	if errors.As(err, &mismatch) {
		return reply{err: err}, eventstore.Entry{}
	}
	if err == nil && len(d.approvals.Thresholds) > 0 {
		changes, err = d.secondPerson(request, changes)
	}
	return d.answer(it, changes, err)
}

func replay(request *Request, stored eventstore.Answer) reply {
	if stored.Fingerprint != request.Fingerprint {
		return reply{err: ErrKeyReused}
	}
	return reply{answer: Answer{
		Status: stored.Status, Body: stored.Body, SubjectID: stored.StreamID,
		Version: stored.Version, Position: stored.Position, Replayed: true,
	}}
}

// judge applies the rules that stand before the domain's: whose account it is, and at which version.
func judge(w bank.World, request *Request, state account.State, at time.Time) ([]bank.Change, error) {
	exists := state.Status != account.StatusNone
	if owner := ownerBound(request); owner != "" && (!exists || state.OwnerID != owner) {
		return nil, account.NotFound{}
	}
	if exists && request.IfVersion != NoVersion && request.IfVersion != state.Version {
		return nil, &VersionMismatch{Expected: request.IfVersion, Actual: state.Version}
	}
	return bank.Decide(w, request.Command, at)
}

// answer lays down what the command leaves in the log and renders what is said to its caller.
func (d *decider) answer(it *item, changes []bank.Change, refusal error) (reply, eventstore.Entry) {
	request := &it.request
	mark := len(d.changed)
	entry, err := d.evolve(it, changes)
	if err != nil {
		d.undo(mark)
		return reply{err: err}, eventstore.Entry{}
	}
	state := d.account(request.Command)
	outcome := Outcome{
		State: state, TransactionID: transactionOf(changes), RecordedAt: d.recordedAt,
		Position: d.head.Position + d.log.Events() + d.unlogged, Refusal: refusal, Changes: changes, After: d,
	}
	status, body := d.render(*request, outcome)
	answer := Answer{Status: status, Body: body, SubjectID: Subject(request.Command), Version: state.Version, Position: outcome.Position}
	if waits, pending := WaitsIn(request, &outcome); pending {
		answer.SubjectID = waits.ApprovalID
	}
	if request.DryRun {
		if !d.together {
			d.undo(mark)
		}
		return reply{answer: answer}, eventstore.Entry{}
	}
	if kept(status) {
		entry.Answer = &eventstore.Answer{
			Key: request.key(), Fingerprint: request.Fingerprint, StreamID: answer.SubjectID,
			Version: answer.Version, Position: answer.Position, Status: status, Body: body,
		}
	}
	return reply{answer: answer}, entry
}

// evolve makes the states what they are after the changes, and returns the changes as they are to be stored.
func (d *decider) evolve(it *item, changes []bank.Change) (eventstore.Entry, error) {
	if len(changes) == 0 {
		return eventstore.Entry{}, nil
	}
	entry := eventstore.Entry{Appends: make([]eventstore.Append, 0, len(changes))}
	for i := range changes {
		c := &changes[i]
		before := d.states[c.StreamID]
		after := before
		stored := make([]eventstore.NewEvent, len(c.Events))
		var effectiveAt time.Time // only what happens on accounts has a value date
		if c.StreamType == account.StreamType {
			effectiveAt = it.request.EffectiveAt
		}
		for j, event := range c.Events {
			typ, schema, data := bank.Encode(event)
			if err := bank.Fault(event); err != nil {
				return eventstore.Entry{}, fmt.Errorf("%s %s: %s could not be read again: %w", c.StreamType, c.StreamID, typ, err)
			}
			stored[j] = eventstore.NewEvent{
				ID: newID(), Type: typ, Schema: schema, Data: data, Metadata: it.metadata, EffectiveAt: effectiveAt,
			}
			next, fits := bank.Evolve(after, c.StreamID, event, d.recordedAt)
			if !fits {
				return eventstore.Entry{}, fmt.Errorf("%s %s: %s does not belong there", c.StreamType, c.StreamID, typ)
			}
			after = next
		}
		entry.Appends = append(entry.Appends, eventstore.Append{
			StreamType: c.StreamType, StreamID: c.StreamID, Expected: bank.Version(before), Events: stored,
		})
		d.states[c.StreamID] = after
		d.changed = append(d.changed, change{c.StreamID, before})
		d.unlogged += int64(len(stored))
	}
	return entry, nil
}

// undo takes the changes back that were made since the mark.
func (d *decider) undo(mark int) {
	for _, c := range slices.Backward(d.changed[mark:]) {
		d.unlogged -= bank.Version(d.states[c.id]) - bank.Version(c.before)
		d.states[c.id] = c.before
	}
	d.changed = d.changed[:mark]
}

// add puts an entry into the log.
func (d *decider) add(entry eventstore.Entry) {
	if err := d.log.Add(&entry); err != nil {
		panic(fmt.Sprintf("a decision beyond the limits of the log: %v", err)) // the domain's limits are narrower
	}
	d.unlogged -= entry.Events()
}

func transactionOf(changes []bank.Change) uuid.UUID {
	for _, c := range changes {
		for _, event := range c.Events {
			if e, ofAccount := event.(account.Event); ofAccount {
				if movement, moved := account.MovementOf(e); moved {
					return movement.TransactionID
				}
			}
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
