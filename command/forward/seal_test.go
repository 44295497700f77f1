package forward

import (
	"bytes"
	"slices"
	"testing"
)

func channels(t *testing.T, secret []byte, id sessionID) (commands, answers channel) {
	t.Helper()
	commands, err1 := newChannel(secret, id, toDecider)
	answers, err2 := newChannel(secret, id, fromDecider)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return commands, answers
}

func TestASealedMessage(t *testing.T) {
	t.Parallel()
	secret, id := newSecret(), newSessionID()
	commands, answers := channels(t, secret, id)
	w := commands.begin(7, 0)
	w.text("pay Ada")
	message := commands.seal(w, 7, "inbox")
	content, number, err := commands.open(message, "inbox")
	if err != nil || number != 7 || newReader(content).text() != "pay Ada" {
		t.Errorf("opened as %q, number %d, %v", content, number, err)
	}
	if bytes.Contains(message, []byte("Ada")) {
		t.Error("the broker can read it")
	}
	for i := range message {
		changed := slices.Clone(message)
		changed[i] ^= 1
		if _, _, err := commands.open(changed, "inbox"); err == nil {
			t.Errorf("byte %d was changed and nobody noticed", i)
		}
	}
	for n := range message {
		if _, _, err := commands.open(message[:n], "inbox"); err == nil {
			t.Errorf("cut to %d bytes and nobody noticed", n)
		}
	}
	if _, _, err := commands.open(message, "another inbox"); err == nil {
		t.Error("answers can be led elsewhere")
	}
	if _, _, err := answers.open(message, "inbox"); err == nil {
		t.Error("a command passes for an answer")
	}
	guessed, _ := channels(t, newSecret(), id)
	if _, _, err := guessed.open(message, "inbox"); err == nil {
		t.Error("opened with another secret")
	}
	other, _ := channels(t, secret, newSessionID())
	if _, _, err := other.open(message, "inbox"); err == nil {
		t.Error("opened in another session")
	}
}
