package readmodel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
	"passbook/readmodel/internal/db"
)

// An event may kill the process that folds it: by memory that it makes it take, by a fault that cannot be recovered from. It must
// not kill every process that comes after. So a runner that has just started records which events it is about to fold, before it
// does, and withdraws that when it has. A record that it finds there is of a process that died meanwhile: then the first steps are
// smaller, until one event is left, which is parked when two have died with it alone. Between record and withdrawal nobody waits for
// anything, and of the runners of a process one at a time is there, so that a death by another's event, or from outside, is not put
// down to these. In the steady state nothing is recorded.

const (
	suspectShrink = 16 // each death makes the steps so many times smaller
	aloneMax      = 2  // deaths with a single event before it is parked unseen
)

// recorded is held from a record to its withdrawal.
var recorded sync.Mutex

// suspect is how careful a runner is. Its zero value is not at all.
type suspect struct {
	active        bool
	until         int64 // what is suspected is at or before; 0: nothing is, the runner has just started
	size          int   // events in a step
	deaths, alone int
}

// load finds out how the process before ended.
func (s *suspect) load(ctx context.Context, r *runner) error {
	row, err := db.New(r.pool).LoadAttempt(ctx, db.LoadAttemptParams{Projection: r.checkpoint.projection, Generation: r.checkpoint.generation})
	if errors.Is(err, pgx.ErrNoRows) {
		*s = suspect{active: true, size: r.config.Batch}
		return nil
	}
	if err != nil {
		return fmt.Errorf("look how the one before ended: %w", err)
	}
	*s = suspect{active: true, until: row.Until, size: row.Size, deaths: row.Deaths, alone: row.Alone}
	if !row.Trying || row.After != r.position || row.Holder == r.config.Holder {
		return nil
	}
	s.deaths++
	if s.size == 1 {
		s.alone++
	}
	s.size = max(1, s.size/suspectShrink)
	r.log.WarnContext(ctx, "the one before died while it folded events, going on in smaller steps",
		"after", row.After, "until", row.Until, "deaths", s.deaths, "step", s.size)
	return nil
}

// step is how many of n events to apply at once.
func (s *suspect) step(n int) int {
	if s.active {
		return min(n, s.size)
	}
	return n
}

// verdict is the fault of an event that must not be tried again.
func (s *suspect) verdict(events []eventstore.Event) map[int64]error {
	if !s.active || s.alone < aloneMax || len(events) > 1 {
		return nil
	}
	return map[int64]error{events[0].Position: fmt.Errorf("%w: %d times", errKilled, s.deaths)}
}

// watch folds, with a record of the events meanwhile.
func (s *suspect) watch(ctx context.Context, r *runner, events []eventstore.Event, fold func()) error {
	if !s.active {
		fold()
		return nil
	}
	recorded.Lock()
	defer recorded.Unlock()
	attempt := db.BeginAttemptParams{
		Projection: r.checkpoint.projection, Generation: r.checkpoint.generation, Holder: r.config.Holder, After: r.position,
		Until: max(s.until, events[len(events)-1].Position), Size: len(events), Deaths: s.deaths, Alone: s.alone, Trying: true,
	}
	if err := db.New(r.pool).BeginAttempt(ctx, attempt); err != nil {
		return fmt.Errorf("record the attempt: %w", err)
	}
	fold()
	if s.until == 0 {
		return s.forget(ctx, r)
	}
	attempt.Trying, attempt.Alone = false, 0
	if err := db.New(r.pool).BeginAttempt(ctx, attempt); err != nil {
		return fmt.Errorf("record the attempt: %w", err)
	}
	return nil
}

// passed ends the suspicion when everything it was about is applied.
func (s *suspect) passed(ctx context.Context, r *runner) error {
	if !s.active {
		return nil
	}
	if s.alone = 0; r.position < s.until {
		return nil
	}
	suspected := s.until > 0
	*s = suspect{}
	if suspected {
		return s.forget(ctx, r)
	}
	return nil
}

func (s *suspect) forget(ctx context.Context, r *runner) error {
	err := db.New(r.pool).EndAttempt(ctx, db.EndAttemptParams{Projection: r.checkpoint.projection, Generation: r.checkpoint.generation})
	if err != nil {
		return fmt.Errorf("withdraw the record of an attempt: %w", err)
	}
	return nil
}
