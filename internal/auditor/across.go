package auditor

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// What no single stream shows, because it stands in several: Postgres groups and joins the events of the few types concerned, by
// what is stored, and spills to disk what does not fit into memory. Each statement lists what is wrong: check, position, detail.
const (
	// A transaction is one event, or the two sides of a transfer or of the reversal of one. This one is about all movements: it has
	// no aggregate that would have to be sorted for.
	selectStrangeTransactions = `
SELECT 'transaction_id', min(position), format('%s stands %s times, from %s to %s', data->>'transaction_id', count(*), min(type), max(type))
FROM events WHERE data->>'transaction_id' IS NOT NULL
GROUP BY data->>'transaction_id'
HAVING count(*) > 1 AND NOT (count(*) = 2 AND (
    bool_and(type = 'reversal.posted') OR count(*) FILTER (WHERE type = 'transfer.sent') = 1 AND count(*) FILTER (WHERE type = 'transfer.received') = 1))
ORDER BY 2`

	// Both sides were booked together and say the same of each other.
	selectUnequalSides = `
SELECT CASE WHEN bool_or(type = 'reversal.posted') THEN 'reversal' ELSE 'transfer' END, min(position),
    format('%s: %s', transaction, string_agg(format('%s %s %s on %s with %s', type || coalesce(' ' || direction, ''), amount, currency, account, coalesce(counterparty, 'nobody')), '; ' ORDER BY position))
FROM (
    SELECT data->>'transaction_id' AS transaction, type, position, recorded_at, stream_id::text AS account, data->>'counterparty_id' AS counterparty,
        data->>'amount' AS amount, data->>'currency' AS currency, data->>'direction' AS direction, data->>'reverses' AS reverses
    FROM events WHERE type IN ('transfer.sent', 'transfer.received', 'reversal.posted')
) AS sides
WHERE type <> 'reversal.posted' OR counterparty IS NOT NULL
GROUP BY transaction
HAVING NOT (count(*) = 2 AND min(account) = min(counterparty) AND max(account) = max(counterparty) AND bool_and(account <> counterparty)
    AND min(amount) = max(amount) AND min(currency) = max(currency) AND min(recorded_at) = max(recorded_at)
    AND (bool_and(type <> 'reversal.posted') OR min(reverses) = max(reverses) AND min(direction) = 'credit' AND max(direction) = 'debit'))
ORDER BY 2`

	// What the streams of transactions say was undone is what the accounts say.
	selectUnequalReversals = `
SELECT 'reversal', coalesce(a.position, t.position), format('%s: the accounts say %s of %s, the stream of the transaction %s of %s',
    reversal, coalesce(a.amount, 'nothing'), coalesce(a.original, 'none'), coalesce(t.amount, 'nothing'), coalesce(t.original, 'none'))
FROM (
    SELECT data->>'transaction_id' AS reversal, min(data->>'reverses') AS original, min(data->>'amount') AS amount, min(data->>'currency') AS currency,
        min(recorded_at) AS recorded_at, min(position) AS position
    FROM events WHERE type = 'reversal.posted' GROUP BY 1
) AS a FULL JOIN (
    SELECT data->>'reversal_id' AS reversal, min(stream_id::text) AS original, min(data->>'amount') AS amount, min(data->>'currency') AS currency,
        min(recorded_at) AS recorded_at, min(position) AS position, count(*) AS times
    FROM events WHERE type = 'transaction.reversed' GROUP BY 1
) AS t USING (reversal)
WHERE (a.original, a.amount, a.currency, a.recorded_at) IS DISTINCT FROM (t.original, t.amount, t.currency, t.recorded_at) OR t.times <> 1
ORDER BY 2`

	// A payment has its money held until its outcome: captured when it is settled, given back with every other one.
	selectUnequalPayments = `
SELECT 'payment', coalesce(p.position, h.position), format('%s: %s outcomes, settled %s times; its hold was placed %s times, captured %s, released %s',
    payment, coalesce(p.outcomes, 0), coalesce(p.settled, 0), coalesce(h.placed, 0), coalesce(h.captured, 0), coalesce(h.released, 0))
FROM (
    SELECT stream_id::text AS payment, min(position) AS position, count(*) FILTER (WHERE type = 'payment.settled') AS settled,
        count(*) FILTER (WHERE type IN ('payment.settled', 'payment.rejected', 'payment.timed_out', 'payment.cancelled')) AS outcomes,
        min(data->>'hold_id') AS hold, min(data->>'account_id') AS account, min(data->>'amount') AS amount, min(data->>'currency') AS currency
    FROM events WHERE stream_type = 'payment' GROUP BY 1
) AS p FULL JOIN (
    SELECT data->>'payment_id' AS payment, min(position) AS position, count(*) FILTER (WHERE type = 'hold.placed') AS placed,
        count(*) FILTER (WHERE type = 'hold.captured') AS captured, count(*) FILTER (WHERE type = 'hold.released') AS released,
        min(data->>'hold_id') AS hold, max(data->>'hold_id') AS other, min(stream_id::text) AS account, max(stream_id::text) AS another,
        min(data->>'amount') AS amount, max(data->>'amount') AS more, min(data->>'currency') AS currency
    FROM events WHERE type IN ('hold.placed', 'hold.captured', 'hold.released') AND data->>'payment_id' IS NOT NULL GROUP BY 1
) AS h USING (payment)
WHERE p.outcomes > 1 OR (h.placed, h.captured, h.released) IS DISTINCT FROM (1::bigint, p.settled, p.outcomes - p.settled)
    OR (p.hold, p.account, p.amount, p.currency) IS DISTINCT FROM (h.hold, h.account, h.amount, h.currency)
    OR h.hold <> h.other OR h.account <> h.another OR h.amount <> h.more
ORDER BY 2`

	// The transactions that were undone, of which the accounts' books must remember what they were.
	selectUndone      = `SELECT DISTINCT (data->>'reverses')::uuid FROM events WHERE type = 'reversal.posted'`
	selectUndoneRange = selectUndone + ` AND stream_id > $1 AND stream_id <= $2`
)

// acrossSQL is all of them. None may read the log more often than it names it.
var acrossSQL = []string{selectStrangeTransactions, selectUnequalSides, selectUnequalReversals, selectUnequalPayments, selectUnequalApprovals}

// checkAcross looks at what stands in several streams.
func (a *audit) checkAcross(ctx context.Context, tx pgx.Tx) error {
	for _, sql := range acrossSQL {
		rows, err := tx.Query(ctx, sql)
		if err != nil {
			return fmt.Errorf("check what stands in several streams: %w", err)
		}
		var check, detail string
		var position int64
		_, err = pgx.ForEachRow(rows, []any{&check, &position, &detail}, func() error {
			a.found.add(check, uuid.Nil, position, "%s", detail)
			return nil
		})
		if err != nil {
			return fmt.Errorf("check what stands in several streams: %w", err)
		}
	}
	return nil
}

// readUndone learns which transactions were undone.
func (a *audit) readUndone(ctx context.Context, tx pgx.Tx) error {
	sql, args := selectUndone, []any(nil)
	if within := a.options.Range; within != nil {
		sql, args = selectUndoneRange, []any{within.After, within.Through}
	}
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("read what was undone: %w", err)
	}
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id)}, func() error {
		a.undone[id] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what was undone: %w", err)
	}
	return nil
}
