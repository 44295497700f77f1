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
SELECT p.* FROM readmodel.owners o JOIN readmodel.payments p ON p.account_id = o.account_id
WHERE o.owner_id = @owner_id AND p.payment_id < @before AND (@status::text = '' OR p.status = @status) AND (NOT @stuck::boolean OR p.stuck)
ORDER BY p.payment_id DESC LIMIT @row_limit;

-- name: PaymentsByStatus :many
SELECT * FROM readmodel.payments
WHERE status = @status AND payment_id < @before
ORDER BY payment_id DESC LIMIT @row_limit;

-- name: StuckPayments :many
SELECT * FROM readmodel.payments
WHERE stuck AND payment_id < @before
ORDER BY payment_id DESC LIMIT @row_limit;
