package command

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"passbook/eventstore"
)

// GroupMax is how many commands ExecuteAtomic takes.
const GroupMax = 10_000

// ErrGroupTooLarge means that the commands of one group make more events than one transaction takes.
var ErrGroupTooLarge = errors.New("the commands make more events than one transaction takes")

// Undone says which command of a group kept all of them from standing: refused with an Answer, or, if Err is not nil, for that
// reason.
type Undone struct {
	Index  int
	Answer Answer
	Err    error
}

func (e *Undone) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("command %d: %v", e.Index, e.Err)
	}
	return fmt.Sprintf("command %d was refused with status %d", e.Index, e.Answer.Status)
}

func (e *Undone) Unwrap() error { return e.Err }

// ExecuteAtomic decides commands of one caller one after another and commits all of them in one transaction, or none. The answers
// are those of the commands, in their order, each stored under its own key; a command whose key has its answer already is
// replayed and stands. When one is refused the error is *Undone and nothing is stored, not even the refusal. A command of
// the group sees what those before it have done. Other errors are those of Execute.
func (p *Processor) ExecuteAtomic(ctx context.Context, requests []Request) ([]Answer, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	if len(requests) > GroupMax {
		return nil, ErrGroupTooLarge
	}
	whole := newItem(ctx, requests[0])
	whole.group = make([]*item, len(requests))
	for i := range requests {
		whole.group[i] = newItem(ctx, requests[i])
	}
	if err := p.claimAll(whole); err != nil {
		return nil, err
	}
	if err := p.enqueue(whole); err != nil {
		p.releaseKeys(whole)
		return nil, err
	}
	select {
	case <-whole.done:
		return whole.answers(), whole.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Processor) claimAll(whole *item) error {
	for i, it := range whole.group {
		if it.request.DryRun {
			continue
		}
		if err := p.inflight.claim(it.request.key()); err != nil {
			for _, claimed := range whole.group[:i] {
				p.releaseKeys(claimed)
			}
			if whole.reuses(i) {
				err = ErrKeyReused
			}
			return &Undone{Index: i, Err: err}
		}
	}
	return nil
}

// reuses tells whether a command in front of the i-th of a group has its key for another request: waiting would not help.
func (it *item) reuses(i int) bool {
	request := &it.group[i].request
	return slices.ContainsFunc(it.group[:i], func(other *item) bool {
		return !other.request.DryRun && other.request.key() == request.key() && other.request.Fingerprint != request.Fingerprint
	})
}

// releaseKeys gives the keys of an item free, those of all its commands if it is a group.
func (p *Processor) releaseKeys(it *item) {
	for request := range it.requests() {
		if !request.DryRun {
			p.inflight.release(request.key())
		}
	}
}

// requests are those of the item: one, or all of a group.
func (it *item) requests() iter.Seq[*Request] {
	return func(yield func(*Request) bool) {
		if it.group == nil {
			yield(&it.request)
			return
		}
		for _, member := range it.group {
			if !yield(&member.request) {
				return
			}
		}
	}
}

func (it *item) answers() []Answer {
	if it.err != nil {
		return nil
	}
	answers := make([]Answer, len(it.group))
	for i, member := range it.group {
		answers[i] = member.answer
	}
	return answers
}

// decideGroup decides the commands of a group: all of them stand, or the states are as before.
func (d *decider) decideGroup(whole *item) reply {
	mark := len(d.changed)
	d.together = true
	defer func() { d.together = false }()
	entries := make([]eventstore.Entry, 0, len(whole.group))
	for i, it := range whole.group {
		r, entry := d.decide(it)
		if r.err == nil && r.answer.Status >= 300 {
			r.err = &Undone{Index: i, Answer: r.answer}
		} else if r.err != nil {
			r.err = &Undone{Index: i, Err: r.err}
		}
		if r.err == nil && d.log.Events()+d.unlogged > eventstore.EventsMax {
			r.err = ErrGroupTooLarge
		}
		if r.err != nil {
			d.undo(mark)
			return reply{err: r.err}
		}
		it.answer = r.answer
		entries = append(entries, entry)
	}
	if whole.request.DryRun {
		d.undo(mark)
		entries = nil
	}
	for _, entry := range entries {
		d.add(entry)
	}
	return reply{answer: whole.group[0].answer}
}

// parted are items that may share a batch, in their order, and groups.
func parted(items []*item) (singles, groups []*item) {
	for i, it := range items {
		if it.group != nil {
			if groups == nil {
				singles = append(make([]*item, 0, len(items)), items[:i]...)
			}
			groups = append(groups, it)
		} else if groups != nil {
			singles = append(singles, it)
		}
	}
	if groups == nil {
		return items, nil
	}
	return singles, groups
}
