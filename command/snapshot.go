package command

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
)

const (
	snapshotInterval = 250 * time.Millisecond
	snapshotsMax     = 4096 // states waiting; more are passed over, their turn comes again
)

type snapshotStore interface {
	SaveSnapshots(ctx context.Context, snapshots []eventstore.Snapshot) error
}

// snapshotter saves the states of busy accounts, off the path of the commands: the latest of each account, a few times a second.
type snapshotter struct {
	store snapshotStore
	every int64
	log   *slog.Logger

	mu      sync.Mutex
	waiting map[uuid.UUID]account.State
}

func newSnapshotter(store snapshotStore, every int64, log *slog.Logger) *snapshotter {
	return &snapshotter{store: store, every: every, log: log, waiting: map[uuid.UUID]account.State{}}
}

// offer takes a committed state whose version went past a multiple of every since the version before.
func (s *snapshotter) offer(state account.State, before int64) {
	if s.every < 0 || state.Version/s.every == before/s.every {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, here := s.waiting[state.ID]; here || len(s.waiting) < snapshotsMax {
		s.waiting[state.ID] = state
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
	s.waiting = make(map[uuid.UUID]account.State, len(waiting))
	s.mu.Unlock()
	snapshots := make([]eventstore.Snapshot, 0, len(waiting))
	for id, state := range waiting {
		encoded, err := json.Marshal(state)
		if err != nil {
			s.log.Error("a state cannot be encoded", slog.Any("error", err), slog.String("account", id.String()))
			continue
		}
		snapshots = append(snapshots, eventstore.Snapshot{StreamID: id, Version: state.Version, Fold: foldFingerprint, State: encoded})
	}
	return snapshots
}
