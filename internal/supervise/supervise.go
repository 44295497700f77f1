// Package supervise runs the background parts of a process as one: they start together, the first failure stops all of
// them, and they stop in a fixed order, so that nothing is taken away from a part that still works.
//
// A part is a function that runs until its context is done and has waited for everything it started when it returns.
// Stopping goes stage by stage: the parts of a stage are told together, and the next stage is told when all of them have
// returned. The whole stop has one limit; a second signal (see Signals) cuts it short.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Stage is when a part is told to stop. Lower stages stop first.
type Stage int

// The stages of a process, in the order in which they stop.
const (
	Readiness  Stage = iota // says not ready, so that no new work is sent here
	Servers                 // take no more requests, answer those in flight
	Processors              // finish what has been taken: commands, projections
	Transport               // the relay and other copiers
	Resources               // what all of the above lean on: pools, connections, private servers, the operations port
)

// Part is one background part of a process.
type Part struct {
	Name  string
	Stage Stage
	// Run returns when ctx is done, after its own work is finished. Returning earlier is a failure, even with nil.
	Run func(ctx context.Context) error
}

var (
	// ErrEnded is the failure of a part that returned nil before it was told to stop.
	ErrEnded = errors.New("ended by itself")
	// ErrStopTimeout means that parts were still running when the time to stop was over. They are named in the error and
	// left running: the process is expected to exit.
	ErrStopTimeout = errors.New("shutdown timeout")
)

// Run starts all parts and returns when all have ended: nil after ctx was done and every part stopped cleanly, otherwise
// every failure, joined, each with its part's name. A part that returns its context's error after it was told to stop has
// stopped cleanly. stopTimeout limits the stop from its beginning to its end.
func Run(ctx context.Context, log *slog.Logger, stopTimeout time.Duration, parts ...Part) error {
	s := start(ctx, parts)
	select {
	case <-ctx.Done():
		log.Info("stopping", "cause", context.Cause(ctx))
	case r := <-s.results:
		s.record(r)
		log.Error("stopping: a part failed", "part", parts[r.part].Name, "error", s.failures[0])
	}
	s.stop(log, stopTimeout)
	return errors.Join(s.failures...)
}

// supervisor is used by the goroutine of Run alone; parts only write to results.
type supervisor struct {
	parts    []Part
	results  chan result // room for all: a part that outlives Run must not hang on it
	cancel   map[Stage]context.CancelFunc
	told     map[Stage]bool
	ended    []bool
	failures []error
}

type result struct {
	part int
	err  error
}

// start gives each stage a context that does not end with ctx: only stop ends it, when its turn has come.
func start(ctx context.Context, parts []Part) *supervisor {
	s := &supervisor{
		parts:   parts,
		results: make(chan result, len(parts)),
		cancel:  map[Stage]context.CancelFunc{},
		told:    map[Stage]bool{},
		ended:   make([]bool, len(parts)),
	}
	for _, stage := range s.stages() {
		stageCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s.cancel[stage] = cancel
		for i, p := range parts {
			if p.Stage == stage {
				go s.run(stageCtx, i)
			}
		}
	}
	return s
}

func (s *supervisor) run(ctx context.Context, part int) {
	s.results <- result{part, s.parts[part].Run(ctx)}
}

func (s *supervisor) record(r result) {
	p := s.parts[r.part]
	s.ended[r.part] = true
	switch told := s.told[p.Stage]; {
	case told && (r.err == nil || errors.Is(r.err, context.Canceled)):
		return
	case r.err == nil:
		r.err = ErrEnded
	}
	s.failures = append(s.failures, fmt.Errorf("%s: %w", p.Name, r.err))
}

func (s *supervisor) stop(log *slog.Logger, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, stage := range s.stages() {
		s.told[stage] = true
		s.cancel[stage]()
		for running := s.running(stage); len(running) > 0; running = s.running(stage) {
			log.Debug("waiting for parts to stop", "parts", running)
			select {
			case r := <-s.results:
				s.record(r)
			case <-timer.C:
				s.giveUp()
				return
			}
		}
	}
}

// giveUp tells everybody at once: those who listen may still save something before the process exits.
func (s *supervisor) giveUp() {
	var left []string
	for _, stage := range s.stages() {
		s.cancel[stage]()
		left = append(left, s.running(stage)...)
	}
	s.failures = append(s.failures, fmt.Errorf("%w: still running: %s", ErrStopTimeout, strings.Join(left, ", ")))
}

// stages returns those that have parts, in stopping order.
func (s *supervisor) stages() []Stage {
	stages := make([]Stage, len(s.parts))
	for i, p := range s.parts {
		stages[i] = p.Stage
	}
	slices.Sort(stages)
	return slices.Compact(stages)
}

func (s *supervisor) running(stage Stage) []string {
	var names []string
	for i, p := range s.parts {
		if p.Stage == stage && !s.ended[i] {
			names = append(names, p.Name)
		}
	}
	return names
}
