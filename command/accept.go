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
	flush := false
	for i := range commands {
		c, it := &commands[i], &all[i]
		*it = item{request: c.Request, metadata: c.Metadata, waited: c.Waited, from: from, id: c.ID}
		if err := p.inflight.claim(it.request.key(), it.request.Fingerprint); err != nil {
			from.Answer(c.ID, Answer{}, err)
			flush = true
			continue
		}
		items = append(items, it)
	}
	p.metrics.forOthers.Add(float64(len(items)))
	if flush {
		from.Flush()
	}
	p.enqueueAll(items)
}

func (p *Processor) enqueueAll(items []*item) {
	p.gate.RLock()
	defer p.gate.RUnlock()
	if p.shut {
		for _, it := range items {
			p.finish(it, Answer{}, ErrStopping)
		}
		return
	}
	for _, it := range p.queue.putAll(items) {
		p.refuse(it)
	}
}
