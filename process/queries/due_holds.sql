-- Holds and approvals that should have expired, the longest due first, without those of accounts that are being asked.
SELECT hold_id, account_id, expires_at, attempts, kind FROM process.holds
WHERE due_at <= $1 AND account_id <> ALL ($2)
ORDER BY due_at LIMIT $3
