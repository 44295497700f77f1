-- Open payments by id.
SELECT payment_id, fold, state, progress, last_error, turn FROM process.payments WHERE payment_id = ANY ($1)
