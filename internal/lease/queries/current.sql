-- Who holds a lease, by the database's clock.
SELECT holder, epoch, expires_at, expires_at > now() FROM public.leases WHERE name = $1
