-- name: BeginRebuild :exec
INSERT INTO readmodel.rebuilds (projection, generation, phase, through, started_by)
VALUES (@projection, @generation, 'replay', @through, @started_by);

-- name: BeginShards :exec
INSERT INTO readmodel.rebuild_shards (projection, shard, position)
SELECT sqlc.arg(projection)::text, shard, 0 FROM generate_series(0, sqlc.arg(shards)::integer - 1) AS shard;

-- name: LoadRebuild :one
SELECT generation, phase, through, started_at, updated_at, started_by, cancelled, finding FROM readmodel.rebuilds WHERE projection = @projection;

-- name: LoadShards :many
SELECT shard, position, done FROM readmodel.rebuild_shards WHERE projection = @projection ORDER BY shard;

-- name: AdvanceShard :execrows
-- The fence of a rebuild: of two that believe to run it one changes the row. A cancelled one changes none.
UPDATE readmodel.rebuild_shards AS s SET position = @through, done = @done
WHERE s.projection = @projection AND s.shard = @shard AND s.position = @after AND NOT s.done
  AND EXISTS (SELECT FROM readmodel.rebuilds r WHERE r.projection = s.projection AND r.generation = @generation AND NOT r.cancelled);

-- name: TouchRebuilds :exec
-- A sign of life, and a durable commit as small as a command's.
UPDATE readmodel.rebuilds SET updated_at = clock_timestamp() WHERE projection = ANY(@projections::text[]);

-- name: EnterPhase :execrows
UPDATE readmodel.rebuilds SET phase = @phase, finding = @finding, updated_at = clock_timestamp()
WHERE projection = @projection AND generation = @generation AND NOT cancelled;

-- name: PlaceReplayed :execrows
-- The rows of the next generation are the fold of the log up to here. It happens once.
UPDATE readmodel.checkpoints SET position = @through, updated_at = clock_timestamp()
WHERE projection = @projection AND generation = @generation AND place = 'next' AND checkpoints.position = 0;

-- name: CancelRebuild :execrows
UPDATE readmodel.rebuilds SET cancelled = true, updated_at = clock_timestamp() WHERE projection = @projection;

-- name: EndRebuildOf :exec
DELETE FROM readmodel.rebuilds WHERE projection = @projection AND generation = @generation;

-- name: CountStreams :one
SELECT count(*) FROM events WHERE version = 1;

-- name: CountStreamsOf :one
SELECT count(*) FROM events WHERE version = 1 AND stream_type = @stream_type;
