-- Extend a lease that is still ours, even if it ran out while nobody took it.
UPDATE public.leases SET expires_at = now() + make_interval(secs => $4)
WHERE name = $1 AND holder = $2 AND epoch = $3
