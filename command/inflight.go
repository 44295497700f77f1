package command

import (
	"sync"

	"passbook/eventstore"
)

// inflight holds the keys that run right now in this process. Other processes are kept apart by the primary key.
type inflight struct {
	mu   sync.Mutex
	keys map[eventstore.Key]struct{}
}

func newInflight() *inflight { return &inflight{keys: map[eventstore.Key]struct{}{}} }

// claim takes the key, or returns ErrKeyInProgress, whatever it runs for: a request that runs may yet be refused because the key stands for another one,
// and that other one, sent again meanwhile, is owed its answer.
func (f *inflight) claim(key eventstore.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, taken := f.keys[key]; taken {
		return ErrKeyInProgress
	}
	f.keys[key] = struct{}{}
	return nil
}

func (f *inflight) release(key eventstore.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}
