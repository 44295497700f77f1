-- name: ApprovalByID :one
SELECT * FROM readmodel.approvals WHERE approval_id = @approval_id;

-- Newest first: the ids have the time in front. A statement for each index, as with accounts. The clock is the caller's: one that is pending has
-- expired from its time on.

-- name: Approvals :many
SELECT * FROM readmodel.approvals
WHERE approval_id < @before
ORDER BY approval_id DESC LIMIT @row_limit;

-- name: ApprovalsOfAccount :many
SELECT * FROM readmodel.approvals
WHERE account_id = @account_id AND approval_id < @before AND (@maker::text = '' OR maker = @maker)
  AND (@status::text = '' OR @status = CASE WHEN status = 'pending' AND expires_at <= @now::timestamptz THEN 'expired' ELSE status END)
ORDER BY approval_id DESC LIMIT @row_limit;

-- name: ApprovalsOfMaker :many
SELECT * FROM readmodel.approvals
WHERE maker = @maker AND approval_id < @before
  AND (@status::text = '' OR @status = CASE WHEN status = 'pending' AND expires_at <= @now::timestamptz THEN 'expired' ELSE status END)
ORDER BY approval_id DESC LIMIT @row_limit;

-- name: PendingApprovals :many
SELECT * FROM readmodel.approvals
WHERE status = 'pending' AND expires_at > @now AND approval_id < @before
ORDER BY approval_id DESC LIMIT @row_limit;

-- name: DecidedApprovals :many
SELECT * FROM readmodel.approvals
WHERE status = @status AND approval_id < @before
ORDER BY approval_id DESC LIMIT @row_limit;

-- name: ExpiredApprovals :many
(SELECT * FROM readmodel.approvals AS known
 WHERE known.status = 'expired' AND known.approval_id < @before ORDER BY known.approval_id DESC LIMIT @row_limit)
UNION ALL
(SELECT * FROM readmodel.approvals AS unnoticed
 WHERE unnoticed.status = 'pending' AND unnoticed.expires_at <= @now AND unnoticed.approval_id < @before ORDER BY unnoticed.approval_id DESC LIMIT @row_limit)
ORDER BY approval_id DESC LIMIT @row_limit;
