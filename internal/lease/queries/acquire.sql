-- Take a lease that nobody holds. The row stays for ever, so that the epoch never repeats. A holder that is waited for under the
-- row's lock has its new expiry seen: the condition is tested on the row as it is after the wait.
INSERT INTO public.leases AS l (name, holder, epoch, expires_at)
VALUES ($1, $2, 1, now() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, epoch = l.epoch + 1, expires_at = excluded.expires_at
WHERE l.expires_at <= now()
RETURNING epoch
