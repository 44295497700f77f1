package forward

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	secretSize  = 32
	sessionSize = 16
	headerSize  = 1 + sessionSize + 8
	sealGrowth  = headerSize + 16 // of a message over its content
)

// sessionID names a session. It is drawn at random, so that no two sessions share a key.
type sessionID [sessionSize]byte

func newSessionID() (id sessionID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func newSecret() []byte {
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	return secret
}

// The directions of a session, each with a key of its own.
const (
	toDecider   = "passbook forward: commands"
	fromDecider = "passbook forward: answers"
)

// channel is one direction of a session: AES-256-GCM under a key of its own, with the message's number as the nonce. So nobody
// without the secret can read a message, make one, or change one; and one that is sent again is known by its number.
type channel struct {
	id   sessionID
	aead cipher.AEAD
}

func newChannel(secret []byte, id sessionID, direction string) (channel, error) {
	key, err := hkdf.Key(sha256.New, secret, id[:], direction, 32)
	if err != nil {
		return channel{}, fmt.Errorf("derive a session's key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return channel{}, fmt.Errorf("derive a session's key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	return channel{id, aead}, err
}

func nonce(number uint64) (n [12]byte) {
	binary.BigEndian.PutUint64(n[4:], number)
	return n
}

// begin returns a writer with the header of a message, for the content to be written behind it.
func (c *channel) begin(number uint64, capacity int) writer {
	w := writer{make([]byte, 0, capacity+sealGrowth)}
	w.byte(format)
	w.buffer = append(w.buffer, c.id[:]...)
	w.buffer = binary.BigEndian.AppendUint64(w.buffer, number)
	return w
}

// seal turns what begin began into a message. bound is what it is bound to beside its content: where it is to be answered.
func (c *channel) seal(w writer, number uint64, bound string) []byte {
	n := nonce(number)
	header := w.buffer[:headerSize]
	return c.aead.Seal(header, n[:], w.buffer[headerSize:], associated(header, bound))
}

func associated(header []byte, bound string) []byte {
	return append(header[:headerSize:headerSize], bound...)
}

var errNotOurs = errors.New("not a message of this session")

// header takes a message apart without trusting it.
func header(message []byte) (id sessionID, number uint64, err error) {
	if len(message) < sealGrowth || message[0] != format {
		return id, 0, errNotOurs
	}
	copy(id[:], message[1:])
	return id, binary.BigEndian.Uint64(message[1+sessionSize:]), nil
}

// open returns the content of a message that was sealed with the same key for the same purpose.
func (c *channel) open(message []byte, bound string) (content []byte, number uint64, err error) {
	id, number, err := header(message)
	if err != nil || id != c.id {
		return nil, 0, errNotOurs
	}
	n := nonce(number)
	content, err = c.aead.Open(nil, n[:], message[headerSize:], associated(message[:headerSize], bound))
	if err != nil {
		return nil, 0, errNotOurs
	}
	return content, number, nil
}

// note is what a decider announces of itself: where it is reached, and the secret that is shared.
type note struct {
	secret  []byte
	subject string
}

func (n note) encode() []byte {
	w := writer{}
	w.byte(format)
	w.bytes(n.secret)
	w.text(n.subject)
	return w.buffer
}

func decodeNote(encoded []byte) (n note, err error) {
	r := newReader(encoded)
	if f := r.byte(); f != format {
		return n, fmt.Errorf("the decider speaks format %d, this instance %d", f, format)
	}
	n.secret, n.subject = r.slice(), r.text()
	if r.err == nil && len(n.secret) != secretSize {
		r.fail("a secret of %d bytes", len(n.secret))
	}
	return n, r.err
}
