-- Payments whose next step is due, the longest due first, without those under way.
SELECT payment_id, fold, state, progress, last_error, turn FROM process.payments
WHERE due_at <= $1 AND payment_id <> ALL ($2)
ORDER BY due_at LIMIT $3
