-- What happened to one payment, up to a position.
SELECT position, stream_type, stream_id, version, type, schema, data, recorded_at
FROM public.events
WHERE stream_id = $1 AND version <= $2 AND position <= $3
ORDER BY version
