-- name: LookUpAccounts :many
-- Many accounts at once and, in each row, how far the projection has come: one snapshot shows both. There is a row also when
-- there is no such account. The inner SELECT hides the number of ids from the planner, which would otherwise find a plan for
-- few of them better than the plan for any number, and plan each time anew. As long as nothing is parked, nobody looks for it.
SELECT fresh.position AS fresh_position, fresh.lag_milliseconds, fresh.parked,
       coalesce(stale.position, 0)::bigint AS stale_position, coalesce(stale.stale_since, 'epoch')::timestamptz AS stale_since, b.account_id, b.balance, b.held, b.overdraft_limit, b.version,
       b.position, b.opened_at, b.updated_at, b.currency, b.status, b.freeze_scope, b.owner_id, b.owner_name, b.metadata, b.limits
FROM (
    SELECT coalesce(max(c.position), 0)::bigint AS position,
           coalesce(greatest(extract(epoch FROM clock_timestamp() - max(next.recorded_at)) * 1000, 0), 0)::bigint AS lag_milliseconds,
           coalesce(max(c.parked), 0)::bigint AS parked, max(c.generation) AS generation
    FROM readmodel.checkpoints c
    LEFT JOIN events next ON next.position = c.position + 1
    WHERE c.live AND c.projection = 'balances'
) AS fresh
LEFT JOIN readmodel.balances b ON b.account_id = ANY((SELECT @account_ids::uuid[])::uuid[])
LEFT JOIN LATERAL (
    SELECT p.position, p.stale_since FROM readmodel.parked p
    WHERE fresh.parked > 0 AND p.projection = 'balances' AND p.generation = fresh.generation AND p.account_id = b.account_id
) AS stale ON true;

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
