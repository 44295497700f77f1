package rebuild

import (
	"sync"
	"sync/atomic"
	"time"
)

// Progress is how far a rebuild has come.
type Progress struct {
	Phase       string // replay, index, catch up, compare, switch
	Projections []string
	Done, Total int64  // events of the replay; zero in other phases
	Note        string // what is being done, or waited for
	Slowed      bool   // the rebuild gives way to the bank
	Elapsed     time.Duration
}

// progress tells somebody about a rebuild, from any goroutine, one call at a time.
type progress struct {
	report  func(Progress)
	started time.Time
	done    atomic.Int64

	mu  sync.Mutex
	now Progress
}

func newProgress(report func(Progress)) *progress {
	if report == nil {
		report = func(Progress) {}
	}
	return &progress{report: report, started: time.Now()}
}

func (p *progress) enter(phase string, projections []string, total int64) {
	p.done.Store(0)
	p.change(func(now *Progress) { *now = Progress{Phase: phase, Projections: projections, Total: total} })
}

func (p *progress) note(note string) { p.change(func(now *Progress) { now.Note = note }) }

func (p *progress) slowed(slowed bool) { p.change(func(now *Progress) { now.Slowed = slowed }) }

func (p *progress) add(events int64) {
	done := p.done.Add(events)
	p.change(func(now *Progress) { now.Done = done })
}

func (p *progress) change(change func(*Progress)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.now)
	p.now.Elapsed = time.Since(p.started)
	p.report(p.now)
}
