-- What those who deliver do, under the role passbook_webhooks.

-- name: Followers :many
-- Subscriptions that have events put on their list, in the order of how far they are.
SELECT webhook_id, revision, position, account_id, owned_by, event_types FROM webhook.subscriptions WHERE status = 'active' ORDER BY position, webhook_id;

-- name: Backlogs :many
-- How much waits for subscriptions, as far as it is counted.
SELECT id::uuid AS webhook_id, (SELECT count(*) FROM (
    SELECT FROM webhook.deliveries d WHERE d.webhook_id = id AND d.state = 'pending' LIMIT @most) AS p) AS pending
FROM unnest(@webhook_ids::uuid[]) AS id;

-- name: Advance :many
-- Those that are where they were left, and have not been changed since, are further now. The others are as they are.
UPDATE webhook.subscriptions s SET position = @through
FROM (SELECT unnest(@webhook_ids::uuid[]) AS id, unnest(@revisions::bigint[]) AS revision) AS given
WHERE s.webhook_id = given.id AND s.revision = given.revision AND s.position = @position AND s.status = 'active'
RETURNING s.webhook_id;

-- name: Enqueue :execrows
-- An event is put on the list once; when it was there before (a replay) and has ended, anew.
INSERT INTO webhook.deliveries AS d (delivery_id, webhook_id, position, account_id, type, payload, state, tries, since, attempts, due_at, created_at)
SELECT unnest(@delivery_ids::uuid[]), unnest(@webhook_ids::uuid[]), unnest(@positions::bigint[]), unnest(@account_ids::uuid[]),
    unnest(@types::text[]), unnest(@payloads::text[]), 'pending', 0, @now::timestamptz, 0, @now, @now
ON CONFLICT (webhook_id, position) DO UPDATE
SET state = 'pending', tries = 0, since = excluded.since, due_at = excluded.due_at, ended_at = NULL, type = excluded.type, payload = excluded.payload
WHERE d.state <> 'pending';

-- name: Due :many
-- What is to be sent, of each subscription the longest due first, of all of them in turn. Of those that are not served now, nothing is looked at
-- but tests, which are sent whatever the status. Whose account it is, is asked again, now, where that decides.
SELECT d.delivery_id, d.webhook_id, d.type, d.payload, d.tries, d.since, d.attempts, s.url, s.owned_by, s.failures,
    coalesce((SELECT b.owner_id FROM readmodel.balances b WHERE s.owned_by <> '' AND b.account_id = d.account_id LIMIT 1), '')::text AS owner_id,
    (SELECT array_agg(x.secret ORDER BY x.secret_id DESC) FROM webhook.secrets x
     WHERE x.webhook_id = s.webhook_id AND (x.expires_at IS NULL OR x.expires_at > @now))::bytea[] AS secrets,
    (d.position IS NULL)::boolean AS test
FROM (
    SELECT n.*, row_number() OVER (PARTITION BY n.webhook_id ORDER BY n.due_at, n.number) AS turn
    FROM webhook.subscriptions w
    CROSS JOIN LATERAL (
        SELECT p.* FROM webhook.deliveries p
        WHERE p.webhook_id = w.webhook_id AND p.state = 'pending' AND p.due_at <= @now AND p.delivery_id <> ALL (@at_work::uuid[]) AND p.position IS NOT NULL
        ORDER BY p.due_at, p.number LIMIT @each
    ) AS n
    WHERE w.status = 'active' AND w.quiet_until <= @now AND w.webhook_id <> ALL (@busy::uuid[]) AND (w.failures = 0 OR @failing_too::boolean)
    UNION ALL
    SELECT t.*, 1 FROM webhook.deliveries t
    WHERE t.position IS NULL AND t.state = 'pending' AND t.due_at <= @now AND t.delivery_id <> ALL (@at_work) AND t.webhook_id <> ALL (@busy)
) AS d
JOIN webhook.subscriptions s ON s.webhook_id = d.webhook_id
ORDER BY d.turn, d.due_at LIMIT @row_limit;

-- name: NoteDelivery :batchexec
-- Nothing, when somebody else has noted this attempt, or the delivery is no more.
UPDATE webhook.deliveries SET state = @state, tries = tries + 1, attempts = attempts + 1, due_at = @due_at, ended_at = @ended_at
WHERE delivery_id = @delivery_id AND attempts = @attempts_before AND state = 'pending';

-- name: NoteAttempt :batchexec
INSERT INTO webhook.attempts (delivery_id, attempt, at, took_ms, result, http_status, answer)
SELECT d.delivery_id, @attempt, @started_at, @took_ms, @result, sqlc.narg('http_status'), @answer
FROM webhook.deliveries d WHERE d.delivery_id = @delivery_id
ON CONFLICT (delivery_id, attempt) DO NOTHING;

-- name: NoteArrival :batchexec
UPDATE webhook.subscriptions SET failures = 0, failing_since = NULL, quiet_until = least(quiet_until, @arrived_at), delivered_at = @arrived_at
WHERE webhook_id = @webhook_id AND (failures > 0 OR delivered_at IS NULL OR delivered_at < @noted_before);

-- name: NoteFailure :batchexec
-- A subscription that has failed for long, or is not wanted any more, is not served any more.
UPDATE webhook.subscriptions SET failures = failures + 1, failing_since = coalesce(failing_since, @failed_at),
    quiet_until = greatest(quiet_until, @quiet_until),
    status = CASE WHEN status = 'active' AND (@gone::boolean OR failing_since < @failing_before) THEN 'disabled' ELSE status END,
    status_reason = CASE WHEN status <> 'active' THEN status_reason WHEN @gone THEN 'gone' WHEN failing_since < @failing_before THEN 'failing' ELSE '' END
WHERE webhook_id = @webhook_id;

-- name: DropEnded :execrows
DELETE FROM webhook.deliveries WHERE number IN (
    SELECT e.number FROM webhook.deliveries e WHERE e.state <> 'pending' AND e.ended_at < @before ORDER BY e.ended_at LIMIT @row_limit);

-- name: DropAttempts :execrows
-- Of deliveries that are tried again and again.
DELETE FROM webhook.attempts WHERE (delivery_id, attempt) IN (
    SELECT a.delivery_id, a.attempt FROM webhook.attempts a WHERE a.at < @before LIMIT @row_limit);

-- name: DropSecrets :exec
DELETE FROM webhook.secrets WHERE expires_at < @before;

-- name: Tally :one
SELECT count(*) FILTER (WHERE status = 'active') AS active, count(*) FILTER (WHERE status = 'paused') AS paused,
    count(*) FILTER (WHERE status = 'disabled') AS disabled, count(*) FILTER (WHERE failures > 0) AS failing,
    coalesce(min(position) FILTER (WHERE status = 'active'), 0)::bigint AS position,
    (SELECT count(*) FROM webhook.deliveries WHERE state = 'pending') AS pending
FROM webhook.subscriptions;
