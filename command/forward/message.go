package forward

import (
	"errors"
	"time"

	"passbook/command"
)

// format is what both sides must agree on. An instance sends nothing to a decider of another format.
const format = 3

// outbound writes a command that is to be decided elsewhere.
func (w *writer) outbound(o *command.Outbound, now time.Time) {
	r := o.Request()
	w.unsigned(uint64(max(0, now.Sub(o.Queued()).Microseconds())))
	w.texts(r.Caller, r.Key, r.Path, r.RequestID, r.OwnedBy, r.Actor)
	w.buffer = append(w.buffer, r.Fingerprint[:]...)
	w.signed(r.IfVersion)
	w.time(r.EffectiveAt)
	w.present(r.DryRun)
	w.bytes(o.Metadata())
	w.command(r.Command)
}

// inbound reads what outbound wrote.
func (r *reader) inbound() (c command.Inbound) {
	c.Waited = time.Duration(r.unsigned()) * time.Microsecond //nolint:gosec // a nonsense wait is an overload, no more
	q := &c.Request
	q.Caller, q.Key, q.Path, q.RequestID, q.OwnedBy, q.Actor = r.text(), r.text(), r.text(), r.text(), r.text(), r.copied()
	if from, ok := r.next(len(q.Fingerprint)); ok {
		copy(q.Fingerprint[:], r.data[from:])
	}
	q.IfVersion = r.signed()
	q.EffectiveAt = r.time()
	q.DryRun = r.present()
	c.Metadata = r.slice()
	q.Command = r.command()
	return c
}

// What an answer message is made of.
const (
	partResult  = iota + 1 // what became of one command
	partRefusal            // a message was not taken, none of its commands
)

// The outcomes of a command on the wire.
const (
	outcomeAnswer = iota + 1
	outcomeReplay
	outcomeOverloaded
	outcomeKeyInProgress
	outcomeKeyReused
	outcomeUnavailable
	outcomeVersionMismatch
	outcomeStopping // was not taken, and will not be
	outcomeFault
)

// result writes what became of the command of a place in a message.
func (w *writer) result(id place, a command.Answer, err error) {
	w.byte(partResult)
	w.unsigned(id.message())
	w.unsigned(uint64(id.index())) //nolint:gosec // not negative
	var mismatch *command.VersionMismatch
	switch {
	case err == nil:
		w.answer(a)
	case errors.As(err, &mismatch):
		w.byte(outcomeVersionMismatch)
		w.signed(mismatch.Expected)
		w.signed(mismatch.Actual)
	default:
		w.failure(err)
	}
}

func (w *writer) answer(a command.Answer) {
	if a.Replayed {
		w.byte(outcomeReplay)
	} else {
		w.byte(outcomeAnswer)
	}
	w.signed(int64(a.Status))
	w.uuid(a.SubjectID)
	w.signed(a.Version)
	w.signed(a.Position)
	w.bytes(a.Body)
}

// plain are the errors that have nothing more to say.
var plain = map[byte]error{
	outcomeOverloaded: command.ErrOverloaded, outcomeKeyInProgress: command.ErrKeyInProgress, outcomeKeyReused: command.ErrKeyReused,
	outcomeUnavailable: command.ErrUnavailable, outcomeStopping: command.ErrStopping,
}

func (w *writer) failure(err error) {
	for code, known := range plain {
		if errors.Is(err, known) {
			w.byte(code)
			return
		}
	}
	w.byte(outcomeFault)
	w.text(err.Error())
}

// fault is an error of the other instance, in its words.
type fault struct{ text string }

func (f *fault) Error() string { return "the deciding instance: " + f.text }

// outcome reads what result wrote behind the place.
func (r *reader) outcome() (a command.Answer, err error) {
	code := r.byte()
	switch code {
	case outcomeAnswer, outcomeReplay:
		a.Replayed = code == outcomeReplay
		a.Status, a.SubjectID, a.Version, a.Position, a.Body = int(r.signed()), r.uuid(), r.signed(), r.signed(), r.slice()
		return a, nil
	case outcomeVersionMismatch:
		return a, &command.VersionMismatch{Expected: r.signed(), Actual: r.signed()}
	case outcomeFault:
		return a, &fault{r.text()}
	}
	if err, known := plain[code]; known {
		return a, err
	}
	r.fail("an outcome of an unknown kind %d", code)
	return a, nil
}

// place is where a command stands: which message of the session, and at which index in it.
type place uint64

const indexBits = 16

func placeOf(message uint64, index int) place { return place(message<<indexBits | uint64(index)) } //nolint:gosec // see commandsMax

func (p place) message() uint64 { return uint64(p) >> indexBits }

func (p place) index() int { return int(p & (1<<indexBits - 1)) }
