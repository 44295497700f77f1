-- name: PaymentByID :one
SELECT * FROM readmodel.payments WHERE payment_id = @payment_id;

-- Newest first: the ids have the time in front. A statement for each index, as with accounts.

-- name: Payments :many
SELECT * FROM readmodel.payments
WHERE payment_id < @before
ORDER BY payment_id DESC LIMIT @row_limit;

-- name: PaymentsOfAccount :many
SELECT * FROM readmodel.payments
WHERE account_id = @account_id AND payment_id < @before AND (@status::text = '' OR status = @status) AND (NOT @stuck::boolean OR stuck)
ORDER BY payment_id DESC LIMIT @row_limit;

-- name: PaymentsOfOwner :many
-- The newest of each of the accounts, and of these the newest.
SELECT p.* FROM readmodel.owners o CROSS JOIN LATERAL (
    SELECT own.payment_id FROM readmodel.payments own
    WHERE own.account_id = o.account_id AND own.payment_id < @before AND (@status::text = '' OR own.status = @status) AND (NOT @stuck::boolean OR own.stuck)
    ORDER BY own.payment_id DESC LIMIT @row_limit
) AS newest
JOIN readmodel.payments p ON p.payment_id = newest.payment_id
WHERE o.owner_id = @owner_id
ORDER BY p.payment_id DESC LIMIT @row_limit;

-- name: PaymentsByStatus :many
SELECT * FROM readmodel.payments
WHERE status = @status AND payment_id < @before
ORDER BY payment_id DESC LIMIT @row_limit;

-- name: StuckPayments :many
SELECT * FROM readmodel.payments
WHERE stuck AND payment_id < @before
ORDER BY payment_id DESC LIMIT @row_limit;
