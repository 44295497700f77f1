-- Announce, as the holder under this epoch, and only while nobody has announced under a later one.
INSERT INTO public.lease_announcements AS a (name, epoch, note)
SELECT l.name, l.epoch, $4 FROM public.leases l WHERE l.name = $1 AND l.holder = $2 AND l.epoch = $3
ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, note = excluded.note WHERE a.epoch <= excluded.epoch
