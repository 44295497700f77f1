-- Give a lease back, if it is still ours.
UPDATE public.leases SET expires_at = LEAST(expires_at, now())
WHERE name = $1 AND holder = $2 AND epoch = $3
