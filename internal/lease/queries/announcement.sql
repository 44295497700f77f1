-- What the present holder announced, if it has and still holds the lease.
SELECT a.epoch, a.note FROM public.lease_announcements a JOIN public.leases l USING (name, epoch)
WHERE a.name = $1 AND l.expires_at > now()
