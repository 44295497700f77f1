package command

import (
	"sync"

	"passbook/eventstore"
)

// inflight holds the keys that run right now in this process. Other processes are kept apart by the primary key.
type inflight struct {
	mu   sync.Mutex
	keys map[eventstore.Key][32]byte
}

func newInflight() *inflight { return &inflight{keys: map[eventstore.Key][32]byte{}} }

// claim takes the key, or says why not: ErrKeyInProgress, or ErrKeyReused when it runs for another request.
func (f *inflight) claim(key eventstore.Key, fingerprint [32]byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	running, taken := f.keys[key]
	switch {
	case !taken:
		f.keys[key] = fingerprint
		return nil
	case running == fingerprint:
		return ErrKeyInProgress
	default:
		return ErrKeyReused
	}
}

func (f *inflight) release(key eventstore.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}
