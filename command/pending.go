package command

import "context"

// Pending is a command that was begun.
type Pending struct{ it *item }

// Begin queues the command and does not wait for its answer. The commands that one caller begins one after another are decided
// in that order. ctx is the caller's: when it ends before the command is in a batch, the command leaves no trace.
func (p *Processor) Begin(ctx context.Context, request Request) (Pending, error) {
	it := newItem(ctx, request)
	if !request.DryRun {
		if err := p.inflight.claim(request.key(), request.Fingerprint); err != nil {
			return Pending{}, err
		}
	}
	if err := p.enqueue(it); err != nil {
		p.releaseKeys(it)
		return Pending{}, err
	}
	return Pending{it}, nil
}

// Known returns a command whose answer is known.
func Known(answer Answer, err error) Pending {
	it := &item{answer: answer, err: err, done: make(chan struct{})}
	close(it.done)
	return Pending{it}
}

// Done is closed when the answer is known.
func (p Pending) Done() <-chan struct{} { return p.it.done }

// Wait waits for the answer; see Execute.
func (p Pending) Wait(ctx context.Context) (Answer, error) {
	select {
	case <-p.it.done:
		return p.it.answer, p.it.err
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}
