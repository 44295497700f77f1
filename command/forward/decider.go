package forward

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"passbook/command"
)

// office is where this instance takes commands under one epoch of the lease.
type office struct {
	f     *Forwarder
	note  note
	epoch int64
	sub   *nats.Subscription
	full  chan struct{} // closed when there are too many sessions

	mu       sync.Mutex
	closed   time.Time // zero: open
	sessions map[sessionID]*guest
}

// lead is being the decider.
func (f *Forwarder) lead(ctx context.Context, epoch int64) error {
	o, err := f.open(ctx, epoch)
	if err != nil {
		return err
	}
	defer o.close()
	f.leading.Store(true)
	defer f.leading.Store(false)
	f.decideHere()
	f.log.InfoContext(ctx, "deciding for all instances", "epoch", epoch)
	select {
	case <-ctx.Done():
		return nil
	case <-o.full:
		return errFull
	}
}

// open listens first and then says where.
func (f *Forwarder) open(ctx context.Context, epoch int64) (*office, error) {
	o := &office{
		f: f, epoch: epoch, sessions: map[sessionID]*guest{}, full: make(chan struct{}),
		note: note{secret: newSecret(), subject: "passbook.decide." + nats.NewInbox()[len(nats.InboxPrefix):]},
	}
	var err error
	if o.sub, err = f.conn.Subscribe(o.note.subject, o.receive); err != nil {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	limit, cancel := context.WithTimeout(ctx, lookMax)
	defer cancel()
	if err = f.conn.FlushWithContext(limit); err == nil {
		err = f.lease.Announce(limit, epoch, o.note.encode())
	}
	if err != nil {
		o.unsubscribe()
		return nil, err
	}
	f.mu.Lock()
	f.offices = append(f.offices, o)
	f.mu.Unlock()
	return o, nil
}

// close has everything refused from now on. What was taken is decided and answered.
func (o *office) close() {
	o.mu.Lock()
	o.closed = time.Now()
	o.mu.Unlock()
	kick(o.f.look)
}

func (o *office) unsubscribe() { _ = o.sub.Unsubscribe() } // fails only when the connection has ended

// guest is a session with an instance that sends its commands here.
type guest struct {
	office   *office
	reply    string // where answers go
	commands channel
	answers  channel
	taken    uint64 // messages; the next one has the next number. Of the receiving goroutine alone
	refusing byte   // likewise: why everything is refused, 0: it is not

	mu      sync.Mutex
	owed    int // commands taken and not answered
	said    uint64
	saidAt  time.Time
	pending []writer // contents, the last of which may grow
}

// Why a message was refused.
const (
	refusedClosed     = iota + 1 // this instance is not the decider any more
	refusedGap                   // a message before it was lost
	refusedUnreadable            // it is of a shape that this instance does not know
)

// receive takes a message. One that is not sealed with the secret, or comes a second time, is passed over in silence.
func (o *office) receive(m *nats.Msg) {
	g, content, number, err := o.admit(m)
	if err != nil || number <= g.taken {
		o.f.log.Debug("a message was passed over", slog.Any("error", err))
		return
	}
	if g.refusing == 0 && number != g.taken+1 {
		g.refusing = refusedGap
	}
	g.taken = number
	if g.refusing == 0 {
		g.refusing = o.take(g, content, number)
	}
	if g.refusing != 0 {
		g.refuse(number, g.refusing)
	}
}

// admit finds the message's session, or begins it.
func (o *office) admit(m *nats.Msg) (g *guest, content []byte, number uint64, err error) {
	id, _, err := header(m.Data)
	if err != nil {
		return nil, nil, 0, err
	}
	o.mu.Lock()
	g, known := o.sessions[id]
	o.mu.Unlock()
	if !known {
		if g, err = o.newGuest(id, m.Reply); err != nil {
			return nil, nil, 0, err
		}
	}
	if content, number, err = g.commands.open(m.Data, m.Reply); err != nil {
		return nil, nil, 0, err
	}
	if !known {
		err = o.register(g, id)
	}
	return g, content, number, err
}

func (o *office) newGuest(id sessionID, reply string) (g *guest, err error) {
	g = &guest{office: o, reply: reply}
	if g.commands, err = newChannel(o.note.secret, id, toDecider); err != nil {
		return nil, err
	}
	g.answers, err = newChannel(o.note.secret, id, fromDecider)
	return g, err
}

// register keeps the session for as long as the epoch lasts: a session that was forgotten could be begun a second time with a
// copy of its messages.
func (o *office) register(g *guest, id sessionID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.sessions) == sessionsMax {
		select {
		case <-o.full:
		default:
			close(o.full)
		}
		return errFull
	}
	o.sessions[id] = g
	return nil
}

// take hands a message's commands to the processor, all or none of them.
func (o *office) take(g *guest, content []byte, number uint64) (refused byte) {
	o.mu.Lock()
	open := o.closed.IsZero()
	o.mu.Unlock()
	if !open {
		return refusedClosed
	}
	commands, err := readCommands(content, number)
	if err != nil {
		o.f.log.Error("commands of another instance cannot be read", slog.Any("error", err))
		return refusedUnreadable
	}
	g.mu.Lock()
	if g.owed == 0 {
		g.saidAt = time.Now()
	}
	g.owed += len(commands)
	g.mu.Unlock()
	o.f.processor.Accept(commands, g)
	return 0
}

func readCommands(content []byte, number uint64) ([]command.Inbound, error) {
	r := newReader(content)
	n := r.count()
	if n > commandsMax {
		return nil, fmt.Errorf("%d commands in one message", n)
	}
	commands := make([]command.Inbound, 0, n)
	for i := range n {
		c := r.inbound()
		c.ID = uint64(placeOf(number, i))
		commands = append(commands, c)
	}
	if r.err == nil && r.more() {
		r.fail("bytes behind the last command")
	}
	return commands, r.err
}

// Answer implements command.Answerer.
func (g *guest) Answer(id uint64, answer command.Answer, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.owed--
	g.content(len(answer.Body)+64).result(place(id), answer, err)
}

// Flush implements command.Answerer.
func (g *guest) Flush() { g.send(time.Now()) }

func (g *guest) refuse(number uint64, why byte) {
	g.mu.Lock()
	w := g.content(16)
	w.byte(partRefusal)
	w.unsigned(number)
	w.byte(why)
	g.mu.Unlock()
	g.Flush()
}

// content is the content that has room for so much more.
func (g *guest) content(size int) *writer {
	last := len(g.pending) - 1
	if last < 0 || len(g.pending[last].buffer)+size > answersMax {
		g.pending = append(g.pending, g.answers.begin(g.said+uint64(len(g.pending))+1, max(size, 8<<10)))
		last++
	}
	return &g.pending[last]
}

// send sends what waits. What is lost is missed by its number, or by the silence after it.
func (g *guest) send(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.pending {
		g.said++
		g.saidAt = now
		if err := g.office.f.conn.Publish(g.reply, g.answers.seal(w, g.said, "")); err != nil {
			g.office.f.log.Debug("answers were not sent", slog.Any("error", err))
		}
	}
	g.pending = g.pending[:0]
}

// reassure sends an empty answer when commands have been waiting for long: they have not been forgotten.
func (g *guest) reassure(now time.Time) {
	g.mu.Lock()
	if g.owed > 0 && len(g.pending) == 0 && now.Sub(g.saidAt) >= heartbeat {
		g.content(0)
	}
	g.mu.Unlock()
	g.send(now)
}

// idle tells that nothing is owed.
func (g *guest) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.owed == 0 && len(g.pending) == 0
}

func (o *office) guests() []*guest {
	o.mu.Lock()
	defer o.mu.Unlock()
	guests := make([]*guest, 0, len(o.sessions))
	for _, g := range o.sessions {
		guests = append(guests, g)
	}
	return guests
}

func (f *Forwarder) ourOffices() []*office {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.offices)
}

// beat tells those who wait for long that they have not been forgotten, and closes former offices that nobody turns to.
func (f *Forwarder) beat(now time.Time) {
	for _, o := range f.ourOffices() {
		idle := true
		for _, g := range o.guests() {
			g.reassure(now)
			idle = idle && g.idle()
		}
		if o.left(now) && idle {
			o.unsubscribe()
			f.mu.Lock()
			f.offices = slices.DeleteFunc(f.offices, func(other *office) bool { return other == o })
			f.mu.Unlock()
		}
	}
}

// left tells that the office was closed long ago.
func (o *office) left(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.closed.IsZero() && now.Sub(o.closed) > lingerMax
}
