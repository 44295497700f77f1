-- The end of the log.
SELECT position FROM public.log_head
