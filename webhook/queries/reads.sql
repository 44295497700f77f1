-- What callers read. All of it is done under the role passbook_query.

-- name: Subscription :one
SELECT s.*,
    (SELECT count(*) FROM (SELECT FROM webhook.deliveries d WHERE d.webhook_id = s.webhook_id AND d.state = 'pending' LIMIT 10001) AS p) AS pending,
    (SELECT count(*) FROM (SELECT FROM webhook.deliveries d WHERE d.webhook_id = s.webhook_id AND d.state = 'failed' LIMIT 10001) AS f) AS failed
FROM webhook.subscriptions s
WHERE s.webhook_id = @webhook_id AND (@owned_by::text = '' OR s.owned_by = @owned_by);

-- name: Subscriptions :many
-- Newest first: the ids have the time in front.
SELECT s.*,
    (SELECT count(*) FROM (SELECT FROM webhook.deliveries d WHERE d.webhook_id = s.webhook_id AND d.state = 'pending' LIMIT 10001) AS p) AS pending,
    (SELECT count(*) FROM (SELECT FROM webhook.deliveries d WHERE d.webhook_id = s.webhook_id AND d.state = 'failed' LIMIT 10001) AS f) AS failed
FROM webhook.subscriptions s
WHERE s.webhook_id < @before AND (@owned_by::text = '' OR s.owned_by = @owned_by)
ORDER BY s.webhook_id DESC LIMIT @row_limit;

-- name: Visible :one
SELECT EXISTS (SELECT FROM webhook.subscriptions WHERE webhook_id = @webhook_id AND (@owned_by::text = '' OR owned_by = @owned_by));

-- name: Deliveries :many
-- Newest first.
SELECT sqlc.embed(d), coalesce(a.result, '')::text AS result, a.http_status, a.at AS attempted_at
FROM webhook.deliveries d
LEFT JOIN webhook.attempts a ON a.delivery_id = d.delivery_id AND a.attempt = d.attempts
WHERE d.webhook_id = @webhook_id AND d.number < @before AND (@state::text = '' OR d.state = @state)
ORDER BY d.number DESC LIMIT @row_limit;

-- name: Delivery :one
SELECT sqlc.embed(d), coalesce(a.result, '')::text AS result, a.http_status, a.at AS attempted_at
FROM webhook.deliveries d
LEFT JOIN webhook.attempts a ON a.delivery_id = d.delivery_id AND a.attempt = d.attempts
WHERE d.delivery_id = @delivery_id AND d.webhook_id = @webhook_id;

-- name: Attempts :many
-- The last ones first.
SELECT * FROM webhook.attempts WHERE delivery_id = @delivery_id ORDER BY attempt DESC LIMIT @row_limit;
