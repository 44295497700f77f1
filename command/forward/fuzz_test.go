package forward

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"passbook/command"
	"passbook/domain/bank"
)

// FuzzCommands takes anything for the content of a message of commands. What is read of it is written and read again as the same; and
// what was read takes no more memory than a small multiple of the message, whatever lengths it claims.
func FuzzCommands(f *testing.F) {
	for _, c := range commands {
		w := writer{}
		w.command(c)
		f.Add(w.buffer)
	}
	f.Add([]byte{0})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, message []byte) {
		given := slices.Clone(message)
		_, _ = readCommands(message, 1)
		_, _ = decodeNote(message)
		r := newReader(message)
		c := r.command()
		if !bytes.Equal(message, given) {
			t.Fatalf("reading %x changed it to %x", given, message)
		}
		if r.err != nil {
			return
		}
		w := writer{}
		w.command(c)
		if len(w.buffer) > 2*len(message)+64 {
			t.Errorf("%d bytes are read as what takes %d", len(message), len(w.buffer))
		}
		again := newReader(w.buffer)
		if got := again.command(); again.err != nil || again.more() || !reflect.DeepEqual(got, c) {
			t.Fatalf("%x is read as %+v, written as %x, and read as %+v, %v", message, c, w.buffer, got, again.err)
		}
		_ = bank.Command(c)
	})
}

// FuzzOutcomes takes anything for what became of a command.
func FuzzOutcomes(f *testing.F) {
	answers := []command.Answer{{}, {Status: 201, Version: 7, Position: 9, Body: []byte(`{"a":1}`)}, {Status: 422, Replayed: true, Body: []byte("x")}}
	for _, a := range answers {
		w := writer{}
		w.answer(a)
		f.Add(w.buffer)
	}
	for _, err := range []error{command.ErrOverloaded, command.ErrStopping, &command.VersionMismatch{Expected: 1, Actual: 2}, errors.New("what?")} {
		w := writer{}
		w.result(placeOf(3, 4), command.Answer{}, err)
		r := newReader(w.buffer)
		r.byte()
		r.unsigned()
		r.unsigned()
		f.Add(slices.Clone(w.buffer[r.at:]))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		r := newReader(message)
		answer, err := r.outcome()
		if r.err != nil {
			return
		}
		w := writer{}
		w.result(placeOf(3, 4), answer, err)
		again := newReader(w.buffer)
		if kind, number, index := again.byte(), again.unsigned(), again.unsigned(); kind != partResult || number != 3 || index != 4 {
			t.Fatalf("a result of place %d, %d", number, index)
		}
		same, sameErr := again.outcome()
		if again.err != nil || again.more() || same.Status != answer.Status || same.Replayed != answer.Replayed || same.SubjectID != answer.SubjectID || same.Version != answer.Version ||
			same.Position != answer.Position || !bytes.Equal(same.Body, answer.Body) {
			t.Fatalf("%x is read as %+v, %v, written as %x, and read as %+v, %v (%v)", message, answer, err, w.buffer, same, sameErr, again.err)
		}
		// An error in the words of the other side has said once that they are its words.
		if (err == nil) != (sameErr == nil) || err != nil && !errors.As(err, new(*fault)) && err.Error() != sameErr.Error() {
			t.Fatalf("%x is read as error %v and then as %v", message, err, sameErr)
		}
	})
}

// FuzzSealed sends anything to who opens sealed messages: nothing but what was sealed is opened, and to what it was bound to.
func FuzzSealed(f *testing.F) {
	secret := bytes.Repeat([]byte{7}, len(newSecret()))
	id := newSessionID()
	sealed := func(number uint64, bound, content string) []byte {
		c, err := newChannel(secret, id, toDecider)
		if err != nil {
			f.Fatal(err)
		}
		w := c.begin(number, len(content))
		w.buffer = append(w.buffer, content...)
		return c.seal(w, number, bound)
	}
	genuine := map[string]string{string(sealed(1, "reply", "one")): "one", string(sealed(2, "reply", "two")): "two", string(sealed(3, "reply", "")): ""}
	for message := range genuine {
		f.Add([]byte(message), "reply")
		f.Add([]byte(message), "elsewhere")
		f.Add([]byte(message)[:len(message)-1], "reply")
	}
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, message []byte, bound string) {
		c, err := newChannel(secret, id, toDecider)
		if err != nil {
			t.Fatal(err)
		}
		want, is := genuine[string(message)]
		content, _, err := c.open(slices.Clone(message), bound)
		if (err == nil) != (is && bound == "reply") || err == nil && string(content) != want {
			t.Errorf("%x bound to %q: %q, %v", message, bound, content, err)
		}
	})
}

// FuzzTimes takes moments off a message.
func FuzzTimes(f *testing.F) {
	f.Add(int64(0), uint64(0))
	f.Add(int64(-62135596800), uint64(0))
	f.Add(int64(1)<<62, uint64(1)<<63)
	f.Fuzz(func(t *testing.T, seconds int64, nanoseconds uint64) {
		w := writer{}
		w.byte(1)
		w.signed(seconds)
		w.unsigned(nanoseconds)
		read := newReader(w.buffer).time()
		again := writer{}
		again.time(read)
		if got := newReader(again.buffer).time(); !got.Equal(read) || got.Location() != time.UTC {
			t.Errorf("%d.%d is %v and then %v", seconds, nanoseconds, read, got)
		}
	})
}
