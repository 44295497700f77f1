-- What happened to payments and holds after a position. The condition is that of the index events_process, word for word.
SELECT position, stream_type, stream_id, version, type, schema, data, recorded_at
FROM public.events
WHERE position > $1 AND (type LIKE 'payment.%' OR type LIKE 'hold.%')
ORDER BY position LIMIT $2
