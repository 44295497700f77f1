-- name: HoldByID :one
SELECT * FROM readmodel.holds WHERE hold_id = @hold_id;

-- Newest first: the ids have the time in front. A statement for each index, as with accounts.

-- name: HoldsOfAccount :many
SELECT * FROM readmodel.holds
WHERE account_id = @account_id AND hold_id < @before AND (@status::text = '' OR status = @status)
ORDER BY hold_id DESC LIMIT @row_limit;

-- name: OpenHoldsOfAccount :many
SELECT * FROM readmodel.holds
WHERE account_id = @account_id AND hold_id < @before AND status = 'placed'
ORDER BY hold_id DESC LIMIT @row_limit;
