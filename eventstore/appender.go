package eventstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Appender sends batches over a connection of its own, the next one without waiting for the answer to the one before. Postgres
// carries them out in the order in which they were sent, each in a transaction of its own, and finds the next one there already
// when it has committed one: it never waits for the writer to be told, to be scheduled and to send.
//
// A batch that is sent behind others is decided on the assumption that they stand. That it does not stand without them is the
// work of the head that it demands, which names their last event.
//
// The connection is made when it is first needed, and again after it broke.
type Appender interface {
	// Append sends a batch that is to stand behind the head, and returns. done is called with the outcome, from another goroutine;
	// the errors are those of Store.AppendAt. The batch must not change before. It is for one goroutine at a time. The end of ctx does
	// not end what was sent.
	Append(ctx context.Context, head Head, batch *Batch, done func(error))

	// Close ends the connection when everything that was sent is answered.
	Close()
}

type appender struct {
	pool    *pgxpool.Pool
	timeout time.Duration

	mu   sync.Mutex
	line *line // nil: none
}

// Appender returns one whose batches each have so long to be answered. It must be closed.
func (s *Store) Appender(timeout time.Duration) Appender {
	return &appender{pool: s.pool, timeout: timeout}
}

// Append calls done in the order of the calls.
func (a *appender) Append(ctx context.Context, head Head, batch *Batch, done func(error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.line == nil || a.line.broken() {
		if a.line != nil {
			a.line.hangUp()
		}
		a.line = a.dial(context.WithoutCancel(ctx))
	}
	a.line.sending <- sending{head: head, batch: batch, done: done}
}

func (a *appender) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.line != nil {
		a.line.hangUp()
		<-a.line.ended
		a.line = nil
	}
}

// sending is a batch on its way.
type sending struct {
	head  Head
	batch *Batch
	done  func(error)
	err   error // it was not sent
}

// sendingMax is how many batches may be on their way before Append waits.
const sendingMax = 16

// line is one connection with what was sent over it.
type line struct {
	timeout time.Duration
	sending chan sending
	sent    chan sending
	failed  chan struct{} // closed when nothing more can be sent, or comes back
	fail    func()        // closes it
	ended   chan struct{}
	pooled  *pgxpool.Conn // nil: there is none
	buffer  []byte        // reused from batch to batch
}

func (a *appender) dial(ctx context.Context) *line {
	l := &line{
		timeout: a.timeout, sending: make(chan sending, sendingMax), sent: make(chan sending, sendingMax),
		failed: make(chan struct{}), ended: make(chan struct{}),
	}
	l.fail = sync.OnceFunc(func() { close(l.failed) })
	go l.run(ctx, a.pool)
	return l
}

func (l *line) broken() bool {
	select {
	case <-l.failed:
		return true
	default:
		return false
	}
}

// hangUp says that nothing more will be sent.
func (l *line) hangUp() { close(l.sending) }

// run sends until the line is hung up, and closes the connection when all answers are in.
func (l *line) run(ctx context.Context, pool *pgxpool.Pool) {
	defer close(l.ended)
	err := l.connect(ctx, pool)
	if err != nil {
		l.fail()
	}
	var receiving sync.WaitGroup
	receiving.Go(func() { l.receive(ctx) })
	for s := range l.sending {
		switch {
		case err != nil:
			s.err = err
		case l.broken():
			s.err = errLineBroken
		}
		l.sent <- s
		if s.err != nil {
			continue
		}
		if l.send(&s) != nil {
			l.cut() // and the answer does not come
		}
	}
	close(l.sent)
	receiving.Wait()
	if l.pooled != nil {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_ = l.pooled.Conn().Close(ctx) // it is not needed any more, and nobody else may get it
		l.pooled.Release()
	}
}

var errLineBroken = errors.New("the connection broke before")

// connect takes a connection out of the pool, for as long as it lives.
func (l *line) connect(ctx context.Context, pool *pgxpool.Pool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if l.pooled, err = pool.Acquire(ctx); err != nil {
		return err
	}
	if _, err := l.pooled.Conn().Prepare(ctx, statementName, appendAt); err != nil {
		return fmt.Errorf("prepare append: %w", err)
	}
	return nil
}

// send writes the batch in one piece.
func (l *line) send(s *sending) (err error) {
	bind := pgproto3.Bind{PreparedStatement: statementName, ParameterFormatCodes: allBinary, Parameters: s.batch.params(s.head), ResultFormatCodes: allBinary}
	if l.buffer, err = bind.Encode(l.buffer[:0]); err != nil {
		return err
	}
	if l.buffer, err = (&pgproto3.Execute{}).Encode(l.buffer); err != nil {
		return err
	}
	if l.buffer, err = (&pgproto3.Sync{}).Encode(l.buffer); err != nil {
		return err
	}
	conn := l.wire().Conn()
	if err := conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return err
	}
	_, err = conn.Write(l.buffer)
	return err
}

func (l *line) wire() *pgconn.PgConn { return l.pooled.Conn().PgConn() }

// cut makes whoever waits for an answer wait no longer.
func (l *line) cut() { _ = l.wire().Conn().Close() }

// receive takes the answers, in the order of what was sent. When one does not come, none of those behind it can be waited for.
func (l *line) receive(ctx context.Context) {
	var broken error
	for s := range l.sent {
		switch {
		case s.err != nil:
			s.done(fmt.Errorf("append: %w", s.err))
		case broken != nil:
			s.done(fmt.Errorf("append: %w: %w", ErrOutcomeUnknown, broken))
		default:
			var err error
			if err, broken = l.answer(); broken != nil {
				l.fail()
				l.abandon(ctx)
				err = fmt.Errorf("append: %w: %w", ErrOutcomeUnknown, broken)
			}
			s.done(err)
		}
	}
}

// abandon ends what Postgres may still be doing for us: a backend that waits for the head would append when it gets it.
func (l *line) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = l.wire().CancelRequest(ctx) // the connection is given up in any case
	l.cut()
}

// answer reads what Postgres says to one batch. broken means that it has not said it.
func (l *line) answer() (err, broken error) {
	if err := l.wire().Conn().SetReadDeadline(time.Now().Add(l.timeout)); err != nil {
		return nil, err
	}
	moved := true
	for {
		message, fault := l.wire().Frontend().Receive()
		if fault != nil {
			return nil, fault
		}
		switch message := message.(type) {
		case *pgproto3.DataRow:
			moved = false
		case *pgproto3.ErrorResponse:
			refused := pgconn.ErrorResponseToPgError(message)
			if err = writeError(refused); errors.Is(err, ErrOutcomeUnknown) {
				return nil, refused
			}
		case *pgproto3.ReadyForQuery:
			if err == nil && moved {
				err = ErrHeadMoved
			}
			return err, nil
		}
	}
}
