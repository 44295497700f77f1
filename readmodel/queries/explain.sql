-- name: ExplainEnds :one
-- Where log and read models stand for one account. A balance of the log is what its last movement says.
SELECT head.position AS head,
       coalesce(cb.position, 0)::bigint AS balances_position, coalesce(ct.position, 0)::bigint AS timeline_position,
       coalesce(last.version, 0)::bigint AS log_version, coalesce(last.position, 0)::bigint AS log_position,
       coalesce(at_b.version, 0)::bigint AS log_version_at_balances, coalesce(at_t.version, 0)::bigint AS log_version_at_timeline,
       coalesce(b.version, 0)::bigint AS balances_version, coalesce(b.balance, 0)::bigint AS balances_balance, coalesce(b.held, 0)::bigint AS balances_held,
       coalesce(b.owner_id, '')::text AS owner_id, coalesce(b.currency, '')::text AS currency
FROM log_head head
LEFT JOIN readmodel.checkpoints cb ON cb.projection = 'balances' AND cb.live
LEFT JOIN readmodel.checkpoints ct ON ct.projection = 'timeline' AND ct.live
LEFT JOIN LATERAL (SELECT e.version, e.position FROM events e
    WHERE e.stream_id = @account_id AND e.stream_type = 'account' ORDER BY e.version DESC LIMIT 1) AS last ON true
LEFT JOIN LATERAL (SELECT e.version FROM events e
    WHERE e.stream_id = @account_id AND e.position <= cb.position ORDER BY e.version DESC LIMIT 1) AS at_b ON true
LEFT JOIN LATERAL (SELECT e.version FROM events e
    WHERE e.stream_id = @account_id AND e.position <= ct.position ORDER BY e.version DESC LIMIT 1) AS at_t ON true
LEFT JOIN readmodel.balances b ON b.account_id = @account_id;

-- name: LogBalance :one
-- What the log says after a version: the last movement up to it.
SELECT e.version, (e.data->>'balance_after')::bigint AS balance, (e.data->>'held_after')::bigint AS held
FROM events e WHERE e.stream_id = @account_id AND e.version <= @version AND e.data->>'balance_after' IS NOT NULL
ORDER BY e.version DESC LIMIT 1;

-- name: TimelineTotals :one
-- From the index alone, except for the last row.
SELECT coalesce(sum(t.amount) FILTER (WHERE t.amount > 0), 0)::bigint AS money_in,
       coalesce(-sum(t.amount) FILTER (WHERE t.amount < 0), 0)::bigint AS money_out,
       count(t.amount) AS movements, count(*) AS rows
FROM readmodel.timeline t WHERE t.account_id = @account_id;

-- name: ExplainPage :many
SELECT e.position, e.version, e.event_id, e.stream_type, e.stream_id, e.type, e.schema, e.data, e.metadata, e.effective_at, e.recorded_at,
       (t.position IS NOT NULL)::boolean AS shown, coalesce(t.event_id = e.event_id, false)::boolean AS same_event,
       coalesce(t.balance, 0)::bigint AS shown_balance, coalesce(t.held, 0)::bigint AS shown_held, coalesce(t.amount, 0)::bigint AS shown_amount
FROM events e LEFT JOIN readmodel.timeline t ON t.account_id = e.stream_id AND t.position = e.position
WHERE e.stream_id = @account_id AND e.version > @after_version ORDER BY e.version LIMIT @row_limit;

-- name: FirstTimelineDifference :one
-- Where the timeline first says something else than the log, up to its checkpoint: a walk over the whole account.
SELECT coalesce(e.position, t.position)::bigint AS position, coalesce(e.version, t.version)::bigint AS version,
       (e.position IS NULL)::boolean AS only_shown, (t.position IS NULL)::boolean AS missing,
       coalesce(t.event_id = e.event_id, false)::boolean AS same_event,
       coalesce((e.data->>'balance_after')::bigint, 0)::bigint AS logged, coalesce(t.balance, 0)::bigint AS shown
FROM (SELECT l.position, l.version, l.event_id, l.data FROM events l WHERE l.stream_id = @account_id AND l.position <= @checkpoint) AS e
FULL JOIN (SELECT r.position, r.version, r.event_id, r.balance FROM readmodel.timeline r WHERE r.account_id = @account_id) AS t ON t.position = e.position
WHERE e.position IS NULL OR t.position IS NULL OR t.event_id <> e.event_id OR t.version <> e.version
   OR (e.data->>'balance_after' IS NOT NULL AND (e.data->>'balance_after')::bigint <> t.balance)
ORDER BY 1 LIMIT 1;
