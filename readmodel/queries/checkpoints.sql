-- name: BeginCheckpoint :exec
-- The first generation starts live and empty; whoever comes second finds it.
INSERT INTO readmodel.checkpoints (projection, generation, code_version, place, live, position, state, cause)
VALUES (@projection, @generation, @code_version, 'live', true, 0, 'running', '')
ON CONFLICT (projection, generation) DO NOTHING;

-- name: LoadCheckpoint :one
SELECT c.generation, c.position, c.code_version, head.position AS head
FROM readmodel.checkpoints c, log_head head
WHERE c.projection = @projection AND c.place = @place;

-- name: AdvanceCheckpoint :one
-- The fence: of two instances that start from the same position one changes the row, the other finds none; neither does who
-- believes the generation at another place. Nor does a checkpoint ever pass the head of the log it belongs to.
UPDATE readmodel.checkpoints
SET position = @through, updated_at = clock_timestamp(), state = 'running', cause = ''
WHERE projection = @projection AND generation = @generation AND code_version = @code_version AND place = @place
  AND checkpoints.position = @after AND (SELECT head.position FROM log_head head) >= @through
RETURNING parking;

-- name: StopCheckpoint :exec
-- Only who stands at this position may say that it cannot be passed.
UPDATE readmodel.checkpoints
SET updated_at = clock_timestamp(), state = 'stopped', cause = @cause
WHERE projection = @projection AND generation = @generation AND position = @position;

-- name: Freshness :one
-- How far the live generations of some projections have come: all of them at least this far. Zero while one has not begun. And
-- the accounts that they have set aside; as long as there are none, nobody looks for them.
SELECT coalesce(CASE WHEN count(*) = cardinality(@projections::text[]) THEN min(c.position) END, 0)::bigint AS position,
       coalesce(greatest(extract(epoch FROM clock_timestamp() - min(next.recorded_at)) * 1000, 0), 0)::bigint AS lag_milliseconds,
       CASE WHEN sum(c.parked) > 0 THEN (
           SELECT json_agg(json_build_object('AccountID', p.account_id, 'Position', p.position, 'Since', p.stale_since))
           FROM readmodel.parked p JOIN readmodel.checkpoints own ON own.projection = p.projection AND own.generation = p.generation
           WHERE own.live AND p.projection = ANY(@projections::text[])
       ) END AS parked
FROM readmodel.checkpoints c
LEFT JOIN events next ON next.position = c.position + 1
WHERE c.live AND c.projection = ANY(@projections::text[]);

-- name: LivePositions :many
SELECT c.projection, c.position,
       coalesce(greatest(extract(epoch FROM clock_timestamp() - next.recorded_at) * 1000, 0), 0)::bigint AS lag_milliseconds
FROM readmodel.checkpoints c
LEFT JOIN events next ON next.position = c.position + 1
WHERE c.live;
