-- When something is due next that is not under way.
SELECT LEAST(
    (SELECT min(due_at) FROM process.payments WHERE payment_id <> ALL ($1)),
    (SELECT min(due_at) FROM process.holds WHERE account_id <> ALL ($2)))
