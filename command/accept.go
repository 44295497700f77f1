package command

import "time"

// Inbound is a command that another instance took from its caller and that is decided here.
type Inbound struct {
	ID       uint64 // the sender's
	Request  Request
	Metadata []byte        // to stand beside the events; the request's own words for it are not used
	Waited   time.Duration // at the sender
}

// Answerer takes the answers to inbound commands back to their sender. Its methods are called from several goroutines and must
// not block.
type Answerer interface {
	// Answer is called once for each command. ErrStopping means that it was not taken.
	Answer(id uint64, answer Answer, err error)
	// Flush follows a run of answers.
	Flush()
}

// Accept takes commands of other instances' callers. They wait, take turns and are refused like those of our own callers, and are
// never sent on.
func (p *Processor) Accept(commands []Inbound, from Answerer) {
	all := make([]item, len(commands))
	items := make([]*item, 0, len(commands))
	p.gate.RLock()
	defer p.gate.RUnlock()
	for i := range commands {
		c, it := &commands[i], &all[i]
		*it = item{request: c.Request, metadata: c.Metadata, waited: c.Waited, from: from, id: c.ID}
		if err := p.letIn(it); err != nil {
			from.Answer(c.ID, Answer{}, err)
			continue
		}
		items = append(items, it)
	}
	p.metrics.forOthers.Add(float64(len(items)))
	for _, it := range p.queue.putAll(items) {
		p.refuse(it)
	}
	if len(items) < len(commands) {
		from.Flush()
	}
}

// letIn does for one command what Execute does before it is queued. The gate is held.
func (p *Processor) letIn(it *item) error {
	if p.shut {
		return ErrStopping
	}
	if !it.request.DryRun {
		if err := p.inflight.claim(it.request.key()); err != nil {
			return err
		}
	}
	if !p.doors.enter(it.request.Caller) {
		p.metrics.overloaded.Inc()
		p.releaseKeys(it)
		return ErrOverloaded
	}
	return nil
}
