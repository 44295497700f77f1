-- A hold or an approval that expires, or expires at another time now.
INSERT INTO process.holds (hold_id, account_id, expires_at, attempts, last_error, due_at, kind) VALUES ($1, $2, $3, 0, '', $3, $4)
ON CONFLICT (hold_id) DO UPDATE SET expires_at = excluded.expires_at, attempts = 0, last_error = '', due_at = excluded.due_at
