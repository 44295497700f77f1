package command

import "context"

// Pending is a command that was begun.
type Pending struct{ it *item }

// Begin queues the command and does not wait for its answer. The commands that one caller begins one after another are decided
// in that order. ctx is the caller's: when it ends before the command is in a batch, the command leaves no trace.
func (p *Processor) Begin(ctx context.Context, request Request) (Pending, error) {
	it := newItem(ctx, request)
	if !request.DryRun {
		if err := p.inflight.claim(request.key()); err != nil {
			return Pending{}, err
		}
	}
	if err := p.enqueue(it); err != nil {
		p.releaseKeys(it)
		return Pending{}, err
	}
	return Pending{it}, nil
}

// Promised returns a command whose answer is made known by tell, to be called once. It is for stand-ins of a Processor.
func Promised() (p Pending, tell func(Answer, error)) {
	it := &item{done: make(chan struct{})}
	return Pending{it}, func(answer Answer, err error) {
		it.answer, it.err = answer, err
		close(it.done)
	}
}

// Done is closed when the answer is known.
func (p Pending) Done() <-chan struct{} { return p.it.done }

// Wait waits for the answer, or for the end of ctx; see Execute. An answer that is known is returned whether ctx has ended or not.
func (p Pending) Wait(ctx context.Context) (Answer, error) {
	select {
	case <-p.it.done:
		return p.it.answer, p.it.err
	default:
	}
	select {
	case <-p.it.done:
		return p.it.answer, p.it.err
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}
