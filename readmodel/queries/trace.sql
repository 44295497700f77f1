-- name: EventsNamed :many
-- Events of a range of the log that have this id.
SELECT position, event_id, stream_type, stream_id, version, type, schema, data, metadata, effective_at, recorded_at
FROM events WHERE position > @after AND position <= @through AND event_id = @event_id
ORDER BY position LIMIT 100;

-- name: EventsOfTransaction :many
-- By the log's own index.
SELECT position, event_id, stream_type, stream_id, version, type, schema, data, metadata, effective_at, recorded_at
FROM events WHERE (data->>'transaction_id') COLLATE "C" = @id_text::text
ORDER BY position LIMIT 100;

-- name: PositionsBetween :one
-- The range of the log that was recorded between two moments.
SELECT readmodel.position_at(@earliest::timestamptz)::bigint AS after, readmodel.position_at(@latest::timestamptz)::bigint AS through, head.position AS head FROM log_head head;
