-- name: Projections :many
-- Where each generation stands, in one snapshot with the head. A projection that is behind has an age of its oldest pending event,
-- also when that event is missing from the log: then it is the time since the checkpoint moved.
SELECT c.projection, c.generation, c.code_version, c.position, c.state, c.cause, c.updated_at, c.live, c.parked, head.position AS head,
       CASE WHEN c.position < head.position
            THEN greatest(extract(epoch FROM clock_timestamp() - coalesce(next.recorded_at, c.updated_at)) * 1000, 1) ELSE 0 END::bigint AS lag_milliseconds,
       greatest(extract(epoch FROM clock_timestamp() - c.updated_at) * 1000, 0)::bigint AS still_milliseconds,
       coalesce(past.position, -1)::bigint AS past_position,
       coalesce(l.holder, '')::text AS holder, coalesce(l.epoch, 0)::bigint AS epoch, l.expires_at, coalesce(l.expires_at > now(), false)::boolean AS held
FROM readmodel.checkpoints c
CROSS JOIN log_head head
LEFT JOIN events next ON next.position = c.position + 1
LEFT JOIN leases l ON l.name = 'projection/' || c.projection
LEFT JOIN LATERAL (
    SELECT m.position FROM readmodel.marks m
    WHERE m.subject = c.projection AND m.generation = c.generation AND m.at <= clock_timestamp() - interval '10 seconds'
    ORDER BY m.position DESC LIMIT 1
) AS past ON true
ORDER BY c.projection, c.generation;

-- name: LogAndRelay :one
-- The head, the relay's lease, and the stream as it was seen last.
SELECT head.position AS head, head.recorded_at AS head_at, clock_timestamp()::timestamptz AS read_at,
       coalesce((SELECT m.position FROM readmodel.marks m
        WHERE m.subject = 'log' AND m.generation = 0 AND m.at <= clock_timestamp() - interval '10 seconds'
        ORDER BY m.position DESC LIMIT 1), -1)::bigint AS past_position,
       coalesce(l.holder, '')::text AS holder, coalesce(l.epoch, 0)::bigint AS epoch, l.expires_at, coalesce(l.expires_at > now(), false)::boolean AS held,
       t.observed_at, coalesce(t.observer, '')::text AS observer, coalesce(t.seen, '{}')::jsonb AS seen
FROM log_head head
LEFT JOIN leases l ON l.name = 'relay'
LEFT JOIN readmodel.transport t ON true;

-- name: EventAt :one
SELECT event_id, recorded_at FROM events WHERE position = @position;

-- name: MarkCheckpoints :exec
-- The first mark of a position stands: it is the one of its time.
INSERT INTO readmodel.marks (subject, generation, position, at, event_id)
SELECT c.projection, c.generation, c.position, c.updated_at, e.event_id FROM readmodel.checkpoints c JOIN events e ON e.position = c.position
UNION ALL
SELECT 'log', 0, head.position, head.recorded_at, e.event_id FROM log_head head JOIN events e ON e.position = head.position
ON CONFLICT (subject, generation, position) DO NOTHING;

-- name: MarkRelay :exec
INSERT INTO readmodel.marks (subject, generation, position, at, event_id)
SELECT 'relay', 0, e.position, @at, e.event_id FROM events e WHERE e.position = @position AND e.event_id = @event_id -- a stream of another history leaves none
ON CONFLICT (subject, generation, position) DO NOTHING;

-- name: ThinMarks :exec
DELETE FROM readmodel.marks
WHERE at < clock_timestamp() - interval '7 days'
   OR (subject, generation, position) IN (
       SELECT crowded.subject, crowded.generation, crowded.position FROM (
           SELECT m.subject, m.generation, m.position,
                  row_number() OVER (PARTITION BY m.subject, m.generation, date_trunc('minute', m.at) ORDER BY m.position DESC) AS place
           FROM readmodel.marks m WHERE m.at < clock_timestamp() - interval '1 hour'
       ) AS crowded WHERE crowded.place > 1);

-- name: RecordTransport :exec
INSERT INTO readmodel.transport (observed_at, observer, seen) VALUES (@observed_at, @observer, @seen)
ON CONFLICT (only_row) DO UPDATE SET observed_at = excluded.observed_at, observer = excluded.observer, seen = excluded.seen;

-- name: MarksAround :many
-- For each projection, and the relay, the last mark before a position and the first at or behind it; and whether the event there
-- waits, because the projection has set its account aside.
SELECT s.subject::text AS subject, s.generation::integer AS generation, s.live::boolean AS live, s.position::bigint AS position,
       coalesce(before.at, 'epoch')::timestamptz AS before_at,
       coalesce(after.position, 0)::bigint AS after_position, coalesce(after.at, 'epoch')::timestamptz AS after_at,
       EXISTS (SELECT FROM readmodel.parked p
           WHERE p.projection = s.subject AND p.generation = s.generation AND p.account_id = @account_id AND p.version < @version)::boolean AS parked
FROM (
    SELECT c.projection AS subject, c.generation, c.live, c.position FROM readmodel.checkpoints c
    UNION ALL
    SELECT 'relay', 0, true, coalesce((SELECT max(m.position) FROM readmodel.marks m WHERE m.subject = 'relay' AND m.generation = 0), 0)
) AS s
LEFT JOIN LATERAL (
    SELECT m.at FROM readmodel.marks m
    WHERE m.subject = s.subject AND m.generation = s.generation AND m.position < @position ORDER BY m.position DESC LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
    SELECT m.position, m.at FROM readmodel.marks m
    WHERE m.subject = s.subject AND m.generation = s.generation AND m.position >= @position ORDER BY m.position LIMIT 1
) AS after ON true
ORDER BY s.subject, s.generation;
