-- name: LogEnds :one
SELECT head.position AS head, head.recorded_at AS head_at, coalesce((SELECT e.position FROM events e ORDER BY e.position DESC LIMIT 1), 0)::bigint AS last
FROM log_head head;

-- name: AnswersPastTheLog :one
SELECT count(*) AS answers, coalesce(max(k.position), 0)::bigint AS furthest
FROM idempotency_keys k, log_head head WHERE k.position > head.position;

-- name: SnapshotsPastTheLog :one
SELECT count(*) AS snapshots
FROM snapshots s WHERE NOT EXISTS (SELECT FROM events e WHERE e.stream_id = s.stream_id AND e.version = s.version);

-- name: DropSnapshots :execrows
DELETE FROM snapshots;

-- name: StrangeMarks :many
-- What stood, when it was looked at, at an event that the log does not have, or no longer has there.
SELECT m.subject, m.generation, count(*) AS marks, min(m.position)::bigint AS first, max(m.position)::bigint AS furthest, max(m.at)::timestamptz AS last_at
FROM readmodel.marks m LEFT JOIN events e ON e.position = m.position
WHERE e.event_id IS DISTINCT FROM m.event_id
GROUP BY m.subject, m.generation ORDER BY m.subject, m.generation;

-- name: DropStrangeMarks :execrows
DELETE FROM readmodel.marks m
WHERE NOT EXISTS (SELECT FROM events e WHERE e.position = m.position AND e.event_id = m.event_id);

-- name: DropMarks :exec
DELETE FROM readmodel.marks WHERE subject = @subject AND generation = @generation;

-- name: LockCheckpoint :one
SELECT position FROM readmodel.checkpoints WHERE projection = @projection AND generation = @generation AND place = 'live' FOR UPDATE;

-- name: ResetCheckpoint :execrows
UPDATE readmodel.checkpoints SET position = 0, updated_at = clock_timestamp(), state = 'running', cause = '', parked = 0, parking = parking + 1
WHERE projection = @projection AND generation = @generation;

-- name: DropParked :exec
DELETE FROM readmodel.parked WHERE projection = @projection AND generation = @generation;

-- name: DropAttempts :exec
DELETE FROM readmodel.attempts WHERE projection = @projection AND generation = @generation;

-- name: StrangeSkips :one
-- Decisions to pass over an event that the log does not have there.
SELECT count(*) AS skips, coalesce(max(s.position), 0)::bigint AS furthest
FROM readmodel.skipped s WHERE NOT EXISTS (SELECT FROM events e WHERE e.position = s.position AND e.event_id = s.event_id);

-- name: DropStrangeSkips :execrows
DELETE FROM readmodel.skipped s WHERE NOT EXISTS (SELECT FROM events e WHERE e.position = s.position AND e.event_id = s.event_id);
