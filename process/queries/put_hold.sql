-- A hold that expires, or expires at another time now.
INSERT INTO process.holds (hold_id, account_id, expires_at, attempts, last_error, due_at) VALUES ($1, $2, $3, 0, '', $3)
ON CONFLICT (hold_id) DO UPDATE SET expires_at = excluded.expires_at, attempts = 0, last_error = '', due_at = excluded.due_at
