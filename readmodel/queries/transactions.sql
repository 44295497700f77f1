-- name: TransactionRows :many
-- The rows of a transaction, and those of the transactions that undo it: two short ranges of two indexes.
SELECT t.* FROM readmodel.timeline t
WHERE t.transaction_id = sqlc.arg(id)::uuid OR t.reverses_id = sqlc.arg(id)::uuid
ORDER BY t.position LIMIT @row_limit;
