-- What was undone of a movement stands in the rows that undo it. An index of these alone finds them, which is empty on most accounts.

-- name: TimelinePage :many
SELECT sqlc.embed(t), undone.amount AS reversed_amount, undone.reversals
FROM readmodel.timeline t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(abs(r.amount)), 0)::bigint AS amount, coalesce((array_agg(r.transaction_id ORDER BY r.position))[1:100], '{}')::uuid[] AS reversals
    FROM readmodel.timeline r WHERE r.reverses_id = t.transaction_id AND r.account_id = t.account_id
) AS undone
WHERE t.account_id = @account_id AND t.position < @before
ORDER BY t.position DESC LIMIT @row_limit;

-- name: TimelineFiltered :many
-- The rows of the page are found in the index alone, however many of the account's others are passed over.
SELECT sqlc.embed(t), undone.amount AS reversed_amount, undone.reversals FROM (
    SELECT found.position FROM readmodel.timeline found
    WHERE found.account_id = @account_id AND found.position < @before
      AND found.position > coalesce((SELECT readmodel.position_at(sqlc.narg(recorded_from)::timestamptz - interval '1 microsecond')), 0)
      AND found.position <= coalesce((SELECT readmodel.position_at(sqlc.narg(recorded_to)::timestamptz - interval '1 microsecond')), 9223372036854775807)
      AND (cardinality(@types::text[]) = 0 OR found.type = ANY(@types::text[]))
      AND (@direction::text <> 'in' OR found.amount > 0) AND (@direction::text <> 'out' OR found.amount < 0)
    ORDER BY found.position DESC LIMIT @row_limit
) AS page
JOIN readmodel.timeline t ON t.account_id = @account_id AND t.position = page.position
CROSS JOIN LATERAL (
    SELECT coalesce(sum(abs(r.amount)), 0)::bigint AS amount, coalesce((array_agg(r.transaction_id ORDER BY r.position))[1:100], '{}')::uuid[] AS reversals
    FROM readmodel.timeline r WHERE r.reverses_id = t.transaction_id AND r.account_id = t.account_id
) AS undone
ORDER BY t.position DESC;

-- name: AccountCurrency :one
SELECT currency FROM readmodel.timeline WHERE account_id = @account_id ORDER BY position LIMIT 1;

-- name: BalanceRecorded :one
SELECT version, currency, balance, held FROM readmodel.timeline
WHERE account_id = @account_id AND position <= (SELECT readmodel.position_at(@at))
ORDER BY position DESC LIMIT 1;

-- name: BalanceEffective :one
-- Held has no value date: it is what the log knew to be held at that moment.
SELECT opened.currency,
       (SELECT coalesce(sum(t.amount), 0) FROM readmodel.timeline t
        WHERE t.account_id = opened.account_id AND t.amount IS NOT NULL AND t.effective_at <= @at)::bigint AS balance,
       coalesce((SELECT t.held FROM readmodel.timeline t
        WHERE t.account_id = opened.account_id AND t.position <= (SELECT readmodel.position_at(@at))
        ORDER BY t.position DESC LIMIT 1), 0)::bigint AS held
FROM readmodel.timeline opened
WHERE opened.account_id = @account_id ORDER BY opened.position LIMIT 1;

-- name: DaysRecorded :many
-- A row for each day with movements, by booking time. The day before the first stands for all that was before.
WITH opening AS (
    SELECT @day_before::date AS day, t.balance AS inflow, 0::bigint AS outflow, 0::bigint AS movements
    FROM readmodel.timeline t
    WHERE t.account_id = @account_id
      AND t.position <= (SELECT readmodel.position_at(sqlc.arg(from_time)::timestamptz - interval '1 microsecond'))
    ORDER BY t.position DESC LIMIT 1
), days AS (
    SELECT (t.recorded_at AT TIME ZONE 'UTC')::date AS day,
           coalesce(sum(t.amount) FILTER (WHERE t.amount > 0), 0)::bigint AS inflow,
           coalesce(-sum(t.amount) FILTER (WHERE t.amount < 0), 0)::bigint AS outflow,
           count(*) AS movements
    FROM readmodel.timeline t
    WHERE t.account_id = @account_id AND t.amount IS NOT NULL
      AND t.position > (SELECT readmodel.position_at(sqlc.arg(from_time)::timestamptz - interval '1 microsecond'))
      AND t.position <= (SELECT readmodel.position_at(sqlc.arg(to_time)::timestamptz - interval '1 microsecond'))
    GROUP BY 1
)
SELECT day, inflow, outflow, movements FROM opening
UNION ALL
SELECT day, inflow, outflow, movements FROM days
ORDER BY day;

-- name: DaysEffective :many
-- The same by value date, from the index alone.
SELECT greatest((t.effective_at AT TIME ZONE 'UTC')::date, @day_before::date)::date AS day,
       coalesce(sum(t.amount) FILTER (WHERE t.amount > 0), 0)::bigint AS inflow,
       coalesce(-sum(t.amount) FILTER (WHERE t.amount < 0), 0)::bigint AS outflow,
       count(*) AS movements
FROM readmodel.timeline t
WHERE t.account_id = @account_id AND t.amount IS NOT NULL AND t.effective_at < @to_time::timestamptz
GROUP BY 1 ORDER BY 1;

-- name: AccountEvents :many
SELECT position, event_id, stream_type, stream_id, version, type, schema, data, metadata, effective_at, recorded_at
FROM events WHERE stream_id = @stream_id AND stream_type = 'account' AND version > @after_version ORDER BY version LIMIT @row_limit;
