-- What callers change. All of it is done under the role passbook_command.

-- name: Head :one
SELECT position FROM public.log_head;

-- name: AccountOwner :one
SELECT coalesce(data->>'owner_id', '')::text FROM public.events WHERE stream_id = @account_id AND version = 1 AND stream_type = 'account';

-- name: ClaimKey :execrows
-- Nobody else has used the key, or will before this transaction ends.
INSERT INTO webhook.requests (caller, key, fingerprint, asked_at) VALUES (@caller, @key, @fingerprint, @asked_at) ON CONFLICT (caller, key) DO NOTHING;

-- name: KeptAnswer :one
SELECT fingerprint, answer FROM webhook.requests WHERE caller = @caller AND key = @key;

-- name: KeepAnswer :exec
UPDATE webhook.requests SET answer = @answer WHERE caller = @caller AND key = @key;

-- name: LockSubscriptions :exec
-- One creates at a time, so that the limits hold.
SELECT pg_advisory_xact_lock(hashtextextended('webhook.subscriptions', 0));

-- name: CountSubscriptions :one
SELECT count(*) AS in_all, count(*) FILTER (WHERE created_by = @created_by) AS of_caller FROM webhook.subscriptions;

-- name: InsertSubscription :exec
INSERT INTO webhook.subscriptions (webhook_id, created_by, owned_by, account_id, url, event_types, description, created_at, updated_at, revision,
    status, status_reason, position, failures, quiet_until)
VALUES (@webhook_id, @created_by, @owned_by, @account_id, @url, @event_types, @description, @now, @now, 1, 'active', '', @position, 0, @now);

-- name: InsertSecret :exec
INSERT INTO webhook.secrets (webhook_id, secret) VALUES (@webhook_id, @secret);

-- name: EndSecrets :exec
-- The one in use goes on for a while, those before it end.
UPDATE webhook.secrets SET expires_at = CASE WHEN expires_at IS NULL THEN @until::timestamptz ELSE least(expires_at, @now::timestamptz) END
WHERE webhook_id = @webhook_id;

-- name: SubscriptionToChange :one
SELECT * FROM webhook.subscriptions WHERE webhook_id = @webhook_id AND (@owned_by::text = '' OR owned_by = @owned_by) FOR UPDATE;

-- name: ChangeSubscription :exec
UPDATE webhook.subscriptions SET url = @url, event_types = @event_types, description = @description, status = @status, status_reason = @status_reason,
    position = @position, failures = @failures, failing_since = @failing_since, quiet_until = @quiet_until, updated_at = @updated_at, revision = revision + 1
WHERE webhook_id = @webhook_id;

-- name: DeleteSubscription :execrows
DELETE FROM webhook.subscriptions WHERE webhook_id = @webhook_id AND (@owned_by::text = '' OR owned_by = @owned_by);

-- name: InsertTest :exec
INSERT INTO webhook.deliveries (delivery_id, webhook_id, type, payload, state, tries, since, attempts, due_at, created_at)
VALUES (@delivery_id, @webhook_id, @type, @payload, 'pending', 0, @now, 0, @now, @now);

-- name: ReplayDelivery :execrows
UPDATE webhook.deliveries SET state = 'pending', tries = 0, since = @now, due_at = @now, ended_at = NULL
WHERE delivery_id = @delivery_id AND webhook_id = @webhook_id;

-- name: ReplayFailed :execrows
-- The oldest first, as many as may be.
UPDATE webhook.deliveries SET state = 'pending', tries = 0, since = @now, due_at = @now, ended_at = NULL
WHERE number IN (SELECT f.number FROM webhook.deliveries f WHERE f.webhook_id = @webhook_id AND f.state = 'failed' ORDER BY f.number LIMIT @row_limit FOR UPDATE);
