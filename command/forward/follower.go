package forward

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"passbook/command"
)

// session is the way to one decider. Its fields are the forwarder's lock's, but for the constant ones.
type session struct {
	epoch    int64
	subject  string
	inbox    string
	sub      *nats.Subscription
	commands channel
	answers  channel

	sent    uint64 // messages
	sentAt  time.Time
	heard   uint64 // messages of the decider
	heardAt time.Time
	parcels map[uint64]*parcel
	waiting int  // commands in them that are not answered
	ended   bool // nothing more is expected
}

// parcel is the commands of a message.
type parcel struct {
	commands []*command.Outbound // nil where answered
	left     int
	sentAt   time.Time
}

// Room implements command.Elsewhere.
func (f *Forwarder) Room() (place command.Place, most, enough int) {
	if f.leading.Load() {
		return command.Here, 0, 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.current
	switch {
	case s == nil || !f.conn.IsConnected():
		return command.Nowhere, 0, 1
	case len(s.parcels) >= messagesMax || s.waiting >= commandsMax:
		f.blocked = true
		return command.There, 0, 1
	}
	if s.waiting == 0 || time.Since(s.sentAt) > stalled {
		return command.There, commandsMax - s.waiting, 1
	}
	f.blocked = true
	return command.There, commandsMax - s.waiting, 1 + s.waiting/messageShare
}

// Changed implements command.Elsewhere.
func (f *Forwarder) Changed() <-chan struct{} { return f.changed }

// Send implements command.Elsewhere.
func (f *Forwarder) Send(commands []*command.Outbound) {
	f.mu.Lock()
	s := f.current
	f.mu.Unlock()
	if s == nil {
		f.processor.TakeBack(commands, command.Unsent)
		return
	}
	limit, now := f.payloadMax(), time.Now()
	for len(commands) > 0 {
		n, content := encode(commands, limit, now)
		if n == 0 { // larger than a message may be
			f.processor.TakeBack(commands[:1], command.Unsent)
			commands = commands[1:]
			continue
		}
		f.post(s, commands[:n:n], content, now)
		commands = commands[n:]
	}
}

// encode writes as many commands as fit.
func encode(commands []*command.Outbound, limit int, now time.Time) (n int, content []byte) {
	w := writer{make([]byte, 0, 512*len(commands))}
	for _, o := range commands {
		before := len(w.buffer)
		w.outbound(o, now)
		if len(w.buffer) > limit-3 { // the number of commands comes before them
			w.buffer = w.buffer[:before]
			break
		}
		n++
	}
	return n, w.buffer
}

// post sends a message. It is expected to be answered from before it leaves.
func (f *Forwarder) post(s *session, commands []*command.Outbound, content []byte, now time.Time) {
	f.mu.Lock()
	if s.ended {
		f.mu.Unlock()
		f.processor.TakeBack(commands, command.Unsent)
		return
	}
	if s.waiting == 0 {
		s.heardAt = now
	}
	s.sent++
	s.sentAt = now
	number := s.sent
	s.parcels[number] = &parcel{commands: commands, left: len(commands), sentAt: now}
	s.waiting += len(commands)
	f.mu.Unlock()

	w := s.commands.begin(number, len(content)+3)
	w.unsigned(uint64(len(commands)))
	w.buffer = append(w.buffer, content...)
	if err := f.conn.PublishRequest(s.subject, s.inbox, s.commands.seal(w, number, s.inbox)); err != nil {
		f.log.Warn("commands were not sent to the decider", slog.Any("error", err))
		f.drop(s, command.Lost)
	}
}

// follow looks who the decider is.
func (f *Forwarder) follow(ctx context.Context) error {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		if !f.leading.Load() && f.conn.IsConnected() {
			f.lookUp(ctx)
		}
		select {
		case <-tick.C:
		case <-f.look:
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *Forwarder) lookUp(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, lookMax)
	defer cancel()
	epoch, encoded, err := f.lease.Announcement(limit)
	if err != nil {
		f.log.DebugContext(ctx, "cannot look up the decider", slog.Any("error", err))
		return
	}
	if epoch == 0 || !f.wanted(epoch) {
		return
	}
	if err := f.adopt(epoch, encoded); err != nil {
		f.log.WarnContext(ctx, "the decider cannot be used", "epoch", epoch, slog.Any("error", err))
		f.shun(epoch, lingerMax)
	}
}

// wanted tells whether a session under the epoch is to be begun.
func (f *Forwarder) wanted(epoch int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil && f.current.epoch == epoch {
		return false
	}
	for _, o := range f.offices { // ourselves, while the lease is being given back
		if o.epoch == epoch {
			return false
		}
	}
	return epoch != f.shunned || !time.Now().Before(f.until)
}

// adopt begins a session with a decider.
func (f *Forwarder) adopt(epoch int64, encoded []byte) (err error) {
	n, err := decodeNote(encoded)
	if err != nil {
		return err
	}
	id := newSessionID()
	s := &session{epoch: epoch, subject: n.subject, inbox: f.conn.NewInbox(), parcels: map[uint64]*parcel{}}
	if s.commands, err = newChannel(n.secret, id, toDecider); err != nil {
		return err
	}
	if s.answers, err = newChannel(n.secret, id, fromDecider); err != nil {
		return err
	}
	var results []command.Result // of one message after another
	s.sub, err = f.conn.Subscribe(s.inbox, func(m *nats.Msg) { results = f.receive(s, m, results[:0]) })
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.current = s
	f.sessions = append(f.sessions, s)
	f.change()
	f.mu.Unlock()
	f.log.Info("another instance decides", "epoch", epoch)
	return nil
}

// change wakes the processor. The lock is held.
func (f *Forwarder) change() {
	if f.blocked {
		f.blocked = false
		kick(f.changed)
	}
}

// decideHere sends nothing any more: this instance is the decider.
func (f *Forwarder) decideHere() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = nil
	f.blocked = true
	f.change()
}

// shun leaves an epoch alone for a while.
func (f *Forwarder) shun(epoch int64, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shunned, f.until = epoch, time.Now().Add(d)
	if f.current != nil && f.current.epoch == epoch {
		f.current = nil
		f.change()
	}
}

// drop ends a session: all that is not answered in it is taken back, and whether it was decided is not known.
func (f *Forwarder) drop(s *session, cause command.Cause) {
	f.mu.Lock()
	if s.ended {
		f.mu.Unlock()
		return
	}
	s.ended = true
	if f.current == s {
		f.current = nil
		f.change()
	}
	f.sessions = slices.DeleteFunc(f.sessions, func(other *session) bool { return other == s })
	lost := s.unanswered()
	f.mu.Unlock()
	_ = s.sub.Unsubscribe() // fails only when the connection has ended
	if cause != command.Lost {
		f.shun(s.epoch, sulk)
	}
	if len(lost) > 0 {
		f.log.Warn("commands are decided here, as the decider did not answer", "cause", cause, "commands", len(lost))
		f.processor.TakeBack(lost, cause)
	}
	kick(f.look)
}

// unanswered lists the commands in the order in which they were sent.
func (s *session) unanswered() (all []*command.Outbound) {
	for _, number := range slices.Sorted(maps.Keys(s.parcels)) {
		all = s.parcels[number].appendLeft(all)
	}
	clear(s.parcels)
	s.waiting = 0
	return all
}

func (p *parcel) appendLeft(all []*command.Outbound) []*command.Outbound {
	for _, o := range p.commands {
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// watch drops sessions whose decider is not heard of.
func (f *Forwarder) watch(now time.Time) {
	f.mu.Lock()
	var silent, done []*session
	for _, s := range f.sessions {
		switch {
		case s.waiting > 0 && (now.Sub(s.heardAt) > silenceMax || s.oldest(now) > answerMax):
			silent = append(silent, s)
		case s.waiting == 0 && s != f.current:
			done = append(done, s)
		}
	}
	f.mu.Unlock()
	for _, s := range silent {
		f.drop(s, command.Silent)
	}
	for _, s := range done {
		f.drop(s, command.Lost)
	}
}

func (s *session) oldest(now time.Time) (age time.Duration) {
	for _, p := range s.parcels {
		age = max(age, now.Sub(p.sentAt))
	}
	return age
}
