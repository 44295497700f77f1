package loadgen

import (
	"io"
	"testing"
	"time"
)

// Making requests and counting answers allocates nothing. (Not parallel: what other tests allocate would count.)
func TestRequestsDoNotAllocate(t *testing.T) {
	for _, scenario := range []Scenario{Mixed, Zipf} {
		b, err := newBench(Config{
			CommandURLs: []string{"http://bank.example"}, QueryURL: "http://bank.example", Token: "x", Scenario: scenario, Accounts: 1000, Connections: 1, Notes: io.Discard,
		})
		if err != nil {
			t.Fatal(err)
		}
		w, n := b.workers[0], uint64(0)
		r := newRecorder(0, time.Hour, func() int { return 0 })
		allocations := testing.AllocsPerRun(1000, func() {
			op := b.mix.operation(n)
			w.prepare(op, n)
			w.outcome = outcome{kind: op.kind, status: 201, sent: time.Millisecond, done: time.Duration(n) * time.Microsecond} //nolint:gosec // small
			r.add(&w.outcome)
			n++
		})
		if allocations > 0 {
			t.Errorf("%s: %v allocations a request", scenario, allocations)
		}
	}
}
