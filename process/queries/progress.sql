-- What became of a step, unless the payment has changed since it was read.
UPDATE process.payments SET attempts = $3, last_error = $4, next_step = $5, due_at = $6, progress = $7, turn = turn + 1
WHERE payment_id = $1 AND turn = $2
