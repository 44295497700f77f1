package command

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func waitingItem(caller, key string) *item {
	return &item{request: Request{Caller: caller, Key: key}}
}

func put(t *testing.T, q *queue, caller string, n int) {
	t.Helper()
	for i := range n {
		if _, err := q.put(waitingItem(caller, fmt.Sprint(i))); err != nil {
			t.Fatalf("%s %d: %v", caller, i, err)
		}
	}
}

func names(items []*item) (all []string) {
	for _, it := range items {
		all = append(all, it.request.Caller+it.request.Key)
	}
	return all
}

func TestCallersTakeTurns(t *testing.T) {
	t.Parallel()
	q := newQueue(100, time.Hour)
	put(t, q, "a", 4)
	put(t, q, "b", 1)
	put(t, q, "c", 2)
	items, _ := q.take(5)
	if got, want := names(items), []string{"a0", "b0", "c0", "a1", "c1"}; !slices.Equal(got, want) {
		t.Errorf("took %v, want %v", got, want)
	}
	select {
	case <-q.ready:
	default:
		t.Error("two wait and nobody is told")
	}
	if items, _ = q.take(5); !slices.Equal(names(items), []string{"a2", "a3"}) || q.depth() != 0 {
		t.Errorf("then took %v, %d left", names(items), q.depth())
	}
}

func TestWhoeverFloodsTheQueuePaysForIt(t *testing.T) {
	t.Parallel()
	q := newQueue(4, time.Hour)
	put(t, q, "flood", 4)
	if _, err := q.put(waitingItem("flood", "4")); !errors.Is(err, ErrOverloaded) {
		t.Errorf("one too many: %v", err)
	}
	for i, want := range []string{"flood3", "flood2"} {
		dropped, err := q.put(waitingItem("one", fmt.Sprint(i)))
		if err != nil || dropped == nil || names([]*item{dropped})[0] != want {
			t.Errorf("dropped %v, %v; want %s", dropped, err, want)
		}
	}
	if _, err := q.put(waitingItem("one", "2")); !errors.Is(err, ErrOverloaded) {
		t.Errorf("more than a fair share: %v", err)
	}
	if items, _ := q.take(9); !slices.Equal(names(items), []string{"flood0", "one0", "flood1", "one1"}) {
		t.Errorf("left are %v", names(items))
	}
}

func TestCommandsExpireInTheQueue(t *testing.T) {
	t.Parallel()
	q := newQueue(10, time.Second)
	now := time.Now()
	q.now = func() time.Time { return now }
	put(t, q, "a", 2)
	now = now.Add(900 * time.Millisecond)
	put(t, q, "b", 1)
	now = now.Add(200 * time.Millisecond)
	items, expired := q.take(10)
	if !slices.Equal(names(items), []string{"b0"}) || !slices.Equal(names(expired), []string{"a0", "a1"}) {
		t.Errorf("took %v, expired %v", names(items), names(expired))
	}
}

// Whatever is put in comes out once: taken, expired or dropped; each caller's in order, and never more than fit.
func TestQueueLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "max")
		q := newQueue(limit, time.Hour)
		inside, next, last := map[*item]bool{}, 0, map[string]int{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "take") {
				items, _ := q.take(rapid.IntRange(1, 4).Draw(t, "n"))
				for _, it := range items {
					var order int
					if _, err := fmt.Sscan(it.request.Key, &order); err != nil || !inside[it] || order < last[it.request.Caller] {
						t.Fatalf("took %v out of turn", it.request)
					}
					last[it.request.Caller] = order
					delete(inside, it)
				}
			} else {
				next++
				it := waitingItem(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "caller"), fmt.Sprint(next))
				dropped, err := q.put(it)
				if err == nil {
					inside[it] = true
				}
				if dropped != nil && !inside[dropped] {
					t.Fatalf("dropped %v, which was not there", dropped.request)
				}
				delete(inside, dropped)
			}
			if q.depth() != len(inside) || q.depth() > limit {
				t.Fatalf("%d wait, %d should, at most %d", q.depth(), len(inside), limit)
			}
		}
	})
}
