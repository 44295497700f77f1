-- name: LoadBalances :many
SELECT account_id, owner_id, owner_name, currency, balance, held, overdraft_limit, status, freeze_scope, metadata, version, opened_at
FROM readmodel.balances WHERE account_id = ANY(@account_ids::uuid[]);

-- name: Account :one
SELECT * FROM readmodel.balances WHERE account_id = @account_id;

-- The list has a statement for each index: with all filters optional in one, the plan kept for it could use none of them.

-- name: Accounts :many
SELECT * FROM readmodel.balances
WHERE account_id > @after
ORDER BY account_id LIMIT @row_limit;

-- name: AccountsOfOwner :many
SELECT * FROM readmodel.balances
WHERE owner_id = @owner_id AND account_id > @after
  AND (@status::text = '' OR status = @status) AND (@currency::text = '' OR currency = @currency)
ORDER BY account_id LIMIT @row_limit;

-- name: AccountsByStatus :many
SELECT * FROM readmodel.balances
WHERE status = @status AND account_id > @after AND (@currency::text = '' OR currency = @currency)
ORDER BY account_id LIMIT @row_limit;

-- name: AccountsByCurrency :many
SELECT * FROM readmodel.balances
WHERE currency = @currency AND account_id > @after
ORDER BY account_id LIMIT @row_limit;
