-- name: PositionAt :one
SELECT readmodel.position_at(@at::timestamptz)::bigint AS position;

-- name: TrialBalanceAccounts :many
-- What the accounts had at a position, by what their rows say: one look into the index for each account.
SELECT last.currency, coalesce(sum(last.balance) FILTER (WHERE last.balance > 0), 0)::bigint AS owed,
       coalesce(-sum(last.balance) FILTER (WHERE last.balance < 0), 0)::bigint AS overdrawn, count(*) AS accounts
FROM readmodel.balances b CROSS JOIN LATERAL (
    SELECT t.balance, t.currency FROM readmodel.timeline t
    WHERE t.account_id = b.account_id AND t.position <= @position ORDER BY t.position DESC LIMIT 1
) AS last
GROUP BY last.currency ORDER BY last.currency;

-- name: TrialBalanceMovements :many
-- What moved up to a position, by kind: a walk through the whole table. What undoes a movement is of the kind that it undoes.
SELECT moved.currency, moved.type, moved.of_payment, coalesce(sum(moved.amount) FILTER (WHERE moved.amount > 0), 0)::bigint AS came,
       coalesce(-sum(moved.amount) FILTER (WHERE moved.amount < 0), 0)::bigint AS went, count(*) AS movements
FROM (
    SELECT t.currency, t.type, (t.payment_id IS NOT NULL)::boolean AS of_payment, t.amount
    FROM readmodel.timeline t WHERE t.position <= @position AND t.amount IS NOT NULL AND t.reverses_id IS NULL
    UNION ALL
    SELECT r.currency, o.type, (o.payment_id IS NOT NULL)::boolean, r.amount
    FROM readmodel.timeline r JOIN readmodel.timeline o ON o.transaction_id = r.reverses_id AND o.account_id = r.account_id
    WHERE r.reverses_id IS NOT NULL AND r.position <= @position
) AS moved
GROUP BY moved.currency, moved.type, moved.of_payment ORDER BY moved.currency, moved.type;
