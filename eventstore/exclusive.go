package eventstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	lockHead       = selectHead + ` FOR UPDATE`
	selectVersions = `
SELECT want.id, coalesce((SELECT max(version) FROM events WHERE stream_id = want.id), 0)
FROM unnest($1::uuid[]) AS want(id)`
)

// Session is a transaction that holds the head of the log: until it ends nobody else appends, and what it reads is all
// there is. It is not safe for concurrent use.
type Session struct {
	tx   pgx.Tx
	head Head
}

// Exclusive takes the head, runs fn and commits, or rolls back when fn fails. It waits for whoever holds the head. An error
// that is ErrOutcomeUnknown came from the commit.
func (s *Store) Exclusive(ctx context.Context, fn func(ctx context.Context, session *Session) error) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// After a commit this does nothing; before it, the connection must not go back with an open transaction.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	head, err := readHead(ctx, tx, lockHead)
	if err != nil {
		return err
	}
	if err := fn(ctx, &Session{tx: tx, head: head}); err != nil {
		return err
	}
	return writeError(tx.Commit(ctx))
}

// Head returns the end of the log, the session's own appends included.
func (s *Session) Head() Head { return s.head }

// ReadLog is Store.ReadLog within the session.
func (s *Session) ReadLog(ctx context.Context, after int64, limit int) ([]Event, error) {
	return readLog(ctx, s.tx, after, limit)
}

// Answers is Store.Answers within the session: it misses no answer.
func (s *Session) Answers(ctx context.Context, keys []Key) (map[Key]Answer, error) {
	return readAnswers(ctx, s.tx, keys)
}

// Load is Store.Load within the session.
func (s *Session) Load(ctx context.Context, ids []uuid.UUID, fold string, into Loader) error {
	return load(ctx, s.tx, ids, fold, into)
}

// Versions returns the version of each stream; 0 for one that does not exist.
func (s *Session) Versions(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	rows, err := s.tx.Query(ctx, selectVersions, raw(ids))
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	versions := make(map[uuid.UUID]int64, len(ids))
	var id uuid.UUID
	var version int64
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &version}, func() error {
		versions[id] = version
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return versions, nil
}

// Append writes the batch behind the session's head. Its booking time must not be before the head's.
func (s *Session) Append(ctx context.Context, batch *Batch) error {
	if err := swapHead(ctx, s.tx.Conn(), s.head, batch); err != nil {
		return err
	}
	s.head = batch.After(s.head)
	return nil
}
