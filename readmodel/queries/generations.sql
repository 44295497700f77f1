-- name: Generations :many
SELECT c.projection, c.generation, c.code_version, c.place, c.position, c.state, c.cause, c.updated_at, head.position AS head
FROM readmodel.checkpoints c, log_head head
WHERE c.projection = @projection
ORDER BY c.generation;

-- name: LockGenerations :many
-- Holds off whoever moves a checkpoint of the projection: always in the same order.
SELECT generation, code_version, place, position FROM readmodel.checkpoints
WHERE projection = @projection ORDER BY generation FOR UPDATE;

-- name: BeginGeneration :exec
INSERT INTO readmodel.checkpoints (projection, generation, code_version, place, live, position, state, cause)
VALUES (@projection, @generation, @code_version, 'next', false, 0, 'running', '');

-- name: PlaceGeneration :exec
UPDATE readmodel.checkpoints
SET place = @place, live = (@place::text = 'live'), updated_at = clock_timestamp(), state = 'running', cause = ''
WHERE projection = @projection AND generation = @generation;

-- name: ForgetGeneration :exec
DELETE FROM readmodel.checkpoints WHERE projection = @projection AND place = @place;

-- name: Head :one
SELECT position FROM log_head;
