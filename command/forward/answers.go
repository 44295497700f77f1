package forward

import (
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"passbook/command"
)

const noResponders = "503"

// receive takes a message of the decider. results is used again for the next one.
func (f *Forwarder) receive(s *session, m *nats.Msg, results []command.Result) []command.Result {
	if len(m.Data) == 0 && m.Header.Get("Status") == noResponders {
		f.drop(s, command.Gone)
		return results
	}
	content, number, err := s.answers.open(m.Data, "")
	if err != nil {
		f.log.Debug("a message was passed over", slog.Any("error", err))
		return results
	}
	a := answered{results: results}
	if !f.unpack(s, number, content, &a) {
		f.drop(s, command.Lost)
	}
	f.conclude(s, &a)
	clear(a.results)
	return a.results
}

// answered is what a message came to.
type answered struct {
	results []command.Result
	refused []*command.Outbound
	why     byte // of the last refusal
}

// unpack takes the commands that are answered out of the session. It returns false when a message is missing or garbled.
func (f *Forwarder) unpack(s *session, number uint64, content []byte, a *answered) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.ended || number <= s.heard {
		return true // too late, or a second time
	}
	if number != s.heard+1 {
		return false
	}
	s.heard, s.heardAt = number, time.Now()
	for r := newReader(content); r.more(); {
		if !s.part(r, a) {
			f.log.Error("answers of the decider cannot be read", slog.Any("error", r.err))
			return false
		}
	}
	f.change()
	return true
}

func (s *session) part(r *reader, a *answered) bool {
	switch kind := r.byte(); kind {
	case partResult:
		number, index := r.unsigned(), r.unsigned()
		answer, err := r.outcome()
		o := s.answer(number, index)
		switch {
		case r.err != nil || o == nil:
			return false
		case errors.Is(err, command.ErrStopping):
			a.refused, a.why = append(a.refused, o), refusedClosed
		default:
			a.results = append(a.results, command.Result{Command: o, Answer: answer, Err: err})
		}
	case partRefusal:
		number, why := r.unsigned(), r.byte()
		p := s.parcels[number]
		if r.err != nil || p == nil {
			return false
		}
		a.refused, a.why = p.appendLeft(a.refused), why
		s.waiting -= p.left
		delete(s.parcels, number)
	default:
		r.fail("a part of an unknown kind %d", kind)
	}
	return r.err == nil
}

// answer takes the command of a place out; nil if none is there.
func (s *session) answer(number, index uint64) *command.Outbound {
	p := s.parcels[number]
	if p == nil || index >= uint64(len(p.commands)) || p.commands[index] == nil {
		return nil
	}
	o := p.commands[index]
	p.commands[index] = nil
	s.waiting--
	if p.left--; p.left == 0 {
		delete(s.parcels, number)
	}
	return o
}

// conclude hands everything to the processor.
func (f *Forwarder) conclude(s *session, a *answered) {
	if len(a.results) > 0 {
		f.processor.Answered(a.results)
	}
	if a.why == 0 {
		return
	}
	f.processor.TakeBack(a.refused, command.Refused)
	if a.why == refusedGap { // the session is broken, the decider is not
		f.drop(s, command.Lost)
		return
	}
	f.shun(s.epoch, lingerMax)
	kick(f.look)
}
