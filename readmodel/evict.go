package readmodel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A holder that was stopped in the middle of its transaction (a frozen machine, a network that swallows everything) has lost the
// lease, but its session still has the checkpoint's row, and the successor stands behind it. Postgres ends a session that is
// idle in a transaction; one that waits for the rest of a COPY, or for somebody to read what it sends, is busy to it. So the
// successor ends the session itself. What was begun there is undone with it.

const (
	// selectCheckpointHolder by hand: sqlc does not know the system columns. xmax of a locked row is the transaction that has it.
	selectCheckpointHolder = `
SELECT l.pid FROM readmodel.checkpoints c
JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = c.xmax AND l.granted
WHERE c.projection = $1 AND c.generation = $2 AND l.pid <> pg_backend_pid()`

	// endIfHung leaves a session alone that has heard of its client, or is at work.
	endIfHung = `
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = $1 AND wait_event IN ('ClientRead', 'ClientWrite') AND state_change < clock_timestamp() - make_interval(secs => $2)`

	// beginAsLogin: only the login of a session may end it. Holder and successor have the same, each binary under one role.
	beginAsLogin = `begin; set local role none`
)

// evict ends a session that has the checkpoint's row and has been waiting for its client for so long. It reports whether there
// was one. Where the logins differ it may not, and the timeouts of the session must do.
func (c checkpoint) evict(ctx context.Context, pool *pgxpool.Pool, silent time.Duration) (bool, error) {
	var pid int32
	err := pool.QueryRow(ctx, selectCheckpointHolder, c.projection, c.generation).Scan(&pid)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look who has the checkpoint: %w", err)
	}
	ended := false
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{BeginQuery: beginAsLogin}, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, endIfHung, pid, silent.Seconds()).Scan(&ended)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("end session %d, which has the checkpoint: %w", pid, err)
	}
	return ended, nil
}
