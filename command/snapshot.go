package command

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"passbook/domain/bank"
	"passbook/eventstore"
)

const (
	snapshotInterval = 250 * time.Millisecond
	snapshotsMax     = 4096 // states waiting; more are passed over, their turn comes again
)

type snapshotStore interface {
	SaveSnapshots(ctx context.Context, snapshots []eventstore.Snapshot) error
}

// snapshotter saves the states of busy aggregates, off the path of the commands: the latest of each, a few times a second.
type snapshotter struct {
	store snapshotStore
	every int64
	log   *slog.Logger

	mu      sync.Mutex
	waiting map[uuid.UUID]bank.Aggregate
}

func newSnapshotter(store snapshotStore, every int64, log *slog.Logger) *snapshotter {
	return &snapshotter{store: store, every: every, log: log, waiting: map[uuid.UUID]bank.Aggregate{}}
}

// offer takes a committed state whose version went past a multiple of every since the version before.
func (s *snapshotter) offer(id uuid.UUID, state bank.Aggregate, before int64) {
	if s.every < 0 || bank.Version(state)/s.every == before/s.every {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, here := s.waiting[id]; here || len(s.waiting) < snapshotsMax {
		s.waiting[id] = state
	}
}

// run saves until ctx is done, and once more then. A failure costs time at the next load, nothing else.
func (s *snapshotter) run(ctx context.Context) error {
	tick := time.NewTicker(snapshotInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.save(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), snapshotInterval)
			defer cancel()
			s.save(last)
			return nil
		}
	}
}

func (s *snapshotter) save(ctx context.Context) {
	snapshots := s.take()
	if len(snapshots) == 0 {
		return
	}
	if err := s.store.SaveSnapshots(ctx, snapshots); err != nil {
		s.log.Warn("snapshots were not saved", slog.Any("error", err), slog.Int("count", len(snapshots)))
	}
}

func (s *snapshotter) take() []eventstore.Snapshot {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = make(map[uuid.UUID]bank.Aggregate, len(waiting))
	s.mu.Unlock()
	snapshots := make([]eventstore.Snapshot, 0, len(waiting))
	for id, state := range waiting {
		encoded, err := bank.Snapshot(state)
		if err != nil {
			s.log.Error("a state cannot be encoded", slog.Any("error", err), slog.String("stream", id.String()))
			continue
		}
		snapshots = append(snapshots, eventstore.Snapshot{StreamID: id, Version: bank.Version(state), Fold: foldFingerprint, State: encoded})
	}
	return snapshots
}
