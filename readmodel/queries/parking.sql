-- name: ParkedAccounts :many
SELECT account_id FROM readmodel.parked WHERE projection = @projection AND generation = @generation;

-- name: SkippedVersions :many
SELECT account_id, version FROM readmodel.skipped WHERE projection = @projection;

-- name: ParkAccount :exec
-- An account that is parked already stays so, in front of another event perhaps: what was tried how often is kept.
INSERT INTO readmodel.parked AS p (projection, generation, account_id, event_id, event_type, version, position, stale_since, attempts, class, cause, build)
VALUES (@projection, @generation, @account_id, @event_id, @event_type, @version, @position, @stale_since, @attempts, @class, @cause, @build)
ON CONFLICT (projection, generation, account_id) DO UPDATE SET
    event_id = excluded.event_id, event_type = excluded.event_type, version = excluded.version, position = excluded.position,
    stale_since = excluded.stale_since, class = excluded.class, cause = excluded.cause, build = excluded.build, last_at = clock_timestamp(), trying = '';

-- name: ReleaseAccount :exec
DELETE FROM readmodel.parked WHERE projection = @projection AND generation = @generation AND account_id = @account_id;

-- name: CountParked :one
-- Every change of the list ends with this one.
UPDATE readmodel.checkpoints c
SET parking = c.parking + 1,
    parked = (SELECT count(*) FROM readmodel.parked p WHERE p.projection = @projection AND p.generation = @generation)
WHERE c.projection = @projection AND c.generation = @generation
RETURNING c.parked;

-- name: HoldCheckpoint :one
-- Whoever changes what is parked has the checkpoint meanwhile, as whoever applies events has.
SELECT position, code_version, parking FROM readmodel.checkpoints
WHERE projection = @projection AND generation = @generation AND place = @place FOR UPDATE;

-- name: CountAttempt :execrows
-- Before it is made: an attempt that kills the process counts, and leaves the name of who tried.
UPDATE readmodel.parked SET attempts = attempts + 1, last_at = clock_timestamp(), build = @build, trying = @holder
WHERE projection = @projection AND generation = @generation AND account_id = @account_id;

-- name: EndParkedAttempt :exec
UPDATE readmodel.parked SET trying = ''
WHERE projection = @projection AND generation = @generation AND account_id = @account_id;

-- name: MarkKilled :exec
UPDATE readmodel.parked SET class = 'killed', cause = @cause, trying = ''
WHERE projection = @projection AND generation = @generation AND trying <> '' AND trying <> @holder;

-- name: WaitingEvents :many
SELECT e.position, e.event_id, e.stream_type, e.stream_id, e.version, e.type, e.schema, e.data, e.metadata, e.effective_at, e.recorded_at
FROM readmodel.parked p
JOIN events e ON e.stream_id = p.account_id AND e.version > p.version AND e.position <= @checkpoint
WHERE p.projection = @projection AND p.generation = @generation AND p.account_id = @account_id
ORDER BY e.version LIMIT @row_limit;

-- name: DrainedThrough :exec
UPDATE readmodel.parked SET version = @version, position = @position
WHERE projection = @projection AND generation = @generation AND account_id = @account_id;

-- name: SkipEvent :execrows
INSERT INTO readmodel.skipped (projection, account_id, event_id, version, position, class, cause, skipped_by, reason)
SELECT p.projection, p.account_id, p.event_id, e.version, p.position, p.class, p.cause, @skipped_by, @reason
FROM readmodel.parked p JOIN events e ON e.position = p.position
WHERE p.projection = @projection AND p.generation = @generation AND p.account_id = @account_id
  AND p.position = @position AND p.class <> 'out_of_order'
ON CONFLICT (projection, account_id, version) DO UPDATE SET skipped_at = clock_timestamp(), skipped_by = excluded.skipped_by, reason = excluded.reason;

-- name: RetryableParked :many
-- What killed its process is not tried again by the code that it killed.
SELECT account_id FROM readmodel.parked
WHERE projection = @projection AND generation = @generation AND (class <> 'killed' OR build <> @build)
ORDER BY position;

-- name: ListParked :many
SELECT p.projection, p.generation, c.live, p.account_id, p.event_id, p.event_type, p.version, p.position, p.stale_since, p.first_at, p.last_at,
       p.attempts, p.class, p.cause, p.build, c.position AS checkpoint,
       (SELECT count(*) FROM events e WHERE e.stream_id = p.account_id AND e.version > p.version AND e.position <= c.position)::bigint AS waiting
FROM readmodel.parked p JOIN readmodel.checkpoints c ON c.projection = p.projection AND c.generation = p.generation
WHERE (@projection::text = '' OR p.projection = @projection)
  AND (sqlc.narg(account_id)::uuid IS NULL OR p.account_id = sqlc.narg(account_id))
ORDER BY p.projection, p.generation, p.position;

-- name: ListSkipped :many
SELECT * FROM readmodel.skipped
WHERE (@projection::text = '' OR projection = @projection)
ORDER BY projection, position;

-- name: LoadAttempt :one
SELECT after, until, size, deaths, alone, holder, trying FROM readmodel.attempts WHERE projection = @projection AND generation = @generation;

-- name: BeginAttempt :exec
INSERT INTO readmodel.attempts (projection, generation, after, until, size, deaths, alone, holder, trying)
VALUES (@projection, @generation, @after, @until, @size, @deaths, @alone, @holder, @trying)
ON CONFLICT (projection, generation) DO UPDATE SET
    after = excluded.after, until = excluded.until, size = excluded.size, deaths = excluded.deaths, alone = excluded.alone,
    holder = excluded.holder, trying = excluded.trying, begun_at = clock_timestamp();

-- name: EndAttempt :exec
DELETE FROM readmodel.attempts WHERE projection = @projection AND generation = @generation;
