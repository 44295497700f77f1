package httpapitest

import (
	"sync"

	"passbook/internal/denials"
)

// Trail remembers what is asked and not granted. It is an httpapi.Trail.
type Trail struct {
	mu  sync.Mutex
	all []denials.Denial
}

// Note takes a denial.
func (t *Trail) Note(d denials.Denial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, d)
}

// Take returns the denials since it was last called.
func (t *Trail) Take() []denials.Denial {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.all
	t.all = nil
	return all
}
