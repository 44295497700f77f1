package loadgen

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"passbook/internal/loadgen/lean"
)

// brokenPause keeps a connection that fails at once from failing a hundred thousand times a second.
const brokenPause = 10 * time.Millisecond

// worker is one client of the bank: a connection to a command API, and one to the query API when it reads. It does one request
// at a time.
type worker struct {
	bench   *bench
	lane    int // which command API
	command *lean.Conn
	query   *lean.Conn // nil without a query API

	request, key []byte
	answer       lean.Answer
	outcome      outcome
}

// work sends what is due until the load's end.
func (w *worker) work(ctx context.Context, d *drive) {
	if d.schedule.rate == 0 {
		w.workClosed(ctx, d)
		return
	}
	for range d.schedule.lanes[w.lane].due {
		n := d.schedule.take(w.lane)
		due, now := d.schedule.due(n), d.now()
		if now >= d.schedule.end {
			d.recorder.unsent(due)
			continue
		}
		w.serve(ctx, d, n, due, now)
	}
}

func (w *worker) workClosed(ctx context.Context, d *drive) {
	for now := d.now(); now < d.schedule.end && ctx.Err() == nil; now = d.now() {
		w.serve(ctx, d, d.schedule.take(w.lane), now, now)
	}
}

// serve does the n-th request of the load.
func (w *worker) serve(ctx context.Context, d *drive, n int, due, now time.Duration) {
	number := d.first + uint64(n) //nolint:gosec // a count
	op := w.bench.mix.operation(number)
	conn := w.prepare(op, number)
	err := conn.Do(ctx, w.request, &w.answer)
	w.outcome = outcome{kind: op.kind, due: due, sent: now, done: d.now()}
	if err != nil {
		w.outcome.reason = brokenBy(err)
	} else {
		w.outcome.status, w.outcome.body = w.answer.Status, w.answer.Body
	}
	d.recorder.add(&w.outcome)
	switch {
	case err != nil:
		_ = pause(ctx, brokenPause) // ctx is looked at by whoever sends next
	case op.kind != read && w.outcome.class() == accepted:
		w.bench.acks.add(w.key, w.answer.Position)
		d.lag.offer(w.answer.Position, w.outcome.done)
	}
}

// prepare puts the request together and returns where it goes.
func (w *worker) prepare(op operation, number uint64) *lean.Conn {
	b := w.bench
	if op.kind == read {
		w.request = b.reading.read(w.request[:0], b.population.id(op.account), 0)
		return w.query
	}
	w.key = strconv.AppendUint(append(w.key[:0], b.keyPrefix...), number, 10)
	to := b.commands[w.lane]
	switch op.kind {
	case open:
		w.request = to.open(w.request[:0], noAccount, w.key)
	case transfer:
		w.request = to.transfer(w.request[:0], b.population.id(op.account), b.population.id(op.other), w.key, op.amount)
	default:
		w.request = to.movement(w.request[:0], op.kind, b.population.id(op.account), w.key, op.amount)
	}
	return w.command
}

// brokenBy names why there was no answer, in few words that can be counted.
func brokenBy(err error) string {
	var failure net.Error
	if errors.As(err, &failure) && failure.Timeout() {
		return "timeout"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return "cannot connect"
	}
	return "connection broken"
}
