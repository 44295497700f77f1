-- An open payment after events.
INSERT INTO process.payments AS p (payment_id, account_id, status, stuck, deadline, attempts, last_error, next_step, due_at, turn, fold, state, progress)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12)
ON CONFLICT (payment_id) DO UPDATE
SET status = excluded.status, stuck = excluded.stuck, attempts = excluded.attempts, last_error = excluded.last_error, next_step = excluded.next_step,
    due_at = excluded.due_at, turn = p.turn + 1, fold = excluded.fold, state = excluded.state, progress = excluded.progress
