package auditor

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/approval"
)

const selectApprovals = `SELECT approval_id, account_id, amount, version, position, requested_at, expires_at, updated_at, effective_at, decided_at,
    currency, kind, status, maker, decided_by, reason, command::text
FROM approvals`

var approvalsSQL = tableSQL{
	lock:    `LOCK TABLE approvals IN ACCESS SHARE MODE`,
	declare: `DECLARE audited_approvals NO SCROLL CURSOR FOR ` + selectApprovals + ` ORDER BY approval_id`,
	within:  `DECLARE audited_approvals NO SCROLL CURSOR FOR ` + selectApprovals + ` WHERE approval_id > $1 AND approval_id <= $2 ORDER BY approval_id`,
	fetch:   `FETCH FORWARD 2000 FROM audited_approvals`,
}

// selectUnequalApprovals: what an approved approval asked for was booked with it, once and no more than was approved; what was not
// approved was not booked. Of a payment it is the request; its settlement has the same id. What was booked above a threshold
// without an approval cannot be told from the log: thresholds are configuration, of another time perhaps.
//
// Approvals and what may have been booked with them are joined as two sets: to look up what was booked for each approval would
// be a pass over the log each, as soon as the planner has no use for an index.
const selectUnequalApprovals = `
SELECT 'approval', a.position, format('%s of %s %s: approved %s times, at %s; booked %s times, at %s to %s, %s at most', a.approval, a.amount, a.kind, a.approved,
    coalesce(a.at::text, 'no time'), count(DISTINCT b.recorded_at), coalesce(min(b.recorded_at)::text, 'no time'), coalesce(max(b.recorded_at)::text, 'no time'),
    coalesce(max(abs(b.amount::bigint))::text, 'nothing'))
FROM (
    SELECT stream_id::text AS approval, min(position) AS position, count(*) FILTER (WHERE type = 'approval.approved') AS approved,
        min(recorded_at) FILTER (WHERE type = 'approval.approved') AS at, min(data->>'kind') AS kind, max((data->>'amount')::bigint) AS amount,
        min(data->'command'->>'payment_id') IS NOT NULL AS pays, coalesce(min(data->'command'->>'payment_id'), min(data->'command'->>'transaction_id')) AS id
    FROM events WHERE stream_type = 'approval' GROUP BY 1
) AS a LEFT JOIN (
    SELECT false AS pays, data->>'transaction_id' AS id, recorded_at, data->>'amount' AS amount FROM events WHERE data->>'transaction_id' IS NOT NULL
    UNION ALL
    SELECT true, stream_id::text, recorded_at, data->>'amount' FROM events WHERE type = 'payment.requested'
) AS b USING (pays, id)
GROUP BY a.approval, a.position, a.approved, a.at, a.kind, a.amount
HAVING count(DISTINCT b.recorded_at) <> a.approved OR a.approved = 1 AND (min(b.recorded_at), max(b.recorded_at)) IS DISTINCT FROM (a.at, a.at)
    OR max(abs(b.amount::bigint)) > a.amount
ORDER BY 2`

// approvalBook is of the stream of an approval.
type approvalBook struct {
	found     *differences
	requested *approval.Requested
	outcome   string
}

func (b *approvalBook) post(e *posting) error {
	switch p := e.payload.(type) {
	case approval.Requested:
		if b.requested != nil || e.Version != 1 {
			b.found.add(CheckApproval, e.StreamID, e.Position, "it is asked for by version %d", e.Version)
		}
		if p.Amount <= p.Threshold {
			b.found.add(CheckApproval, e.StreamID, e.Position, "%d is not above the threshold of %d", p.Amount, p.Threshold)
		}
		b.requested = &p
	case approval.Approved:
		b.decided(e, p.By)
	case approval.Rejected:
		b.decided(e, p.By)
	case approval.Expired:
		if b.open(e) && e.RecordedAt.Before(b.requested.ExpiresAt) {
			b.found.add(CheckApproval, e.StreamID, e.Position, "it expired before %s", b.requested.ExpiresAt)
		}
		b.outcome = e.Type
	default:
		return fmt.Errorf("the auditor has no rule for %s", e.Type)
	}
	return nil
}

// decided checks that somebody else than the maker decided, in time.
func (b *approvalBook) decided(e *posting, by string) {
	if b.open(e) {
		switch {
		case by == b.requested.Maker:
			b.found.add(CheckApproval, e.StreamID, e.Position, "%s by its maker", e.Type)
		case !e.RecordedAt.Before(b.requested.ExpiresAt):
			b.found.add(CheckApproval, e.StreamID, e.Position, "%s, its time was over at %s", e.Type, b.requested.ExpiresAt)
		}
	}
	b.outcome = e.Type
}

// open checks that it is asked for and nothing is decided yet.
func (b *approvalBook) open(e *posting) bool {
	switch {
	case b.requested == nil:
		b.found.add(CheckApproval, e.StreamID, e.Position, "%s of an approval that was not asked for", e.Type)
		return false
	case b.outcome != "":
		b.found.add(CheckApproval, e.StreamID, e.Position, "%s behind %s", e.Type, b.outcome)
		return false
	}
	return true
}

func (b *approvalBook) lose() { b.found = &differences{} }

func (b *approvalBook) close() {}

// approvalRow is what readmodel.approvals should say, or says.
type approvalRow struct {
	ApprovalID, AccountID                            uuid.UUID
	Amount, Version, Position                        int64
	RequestedAt, ExpiresAt, UpdatedAt                time.Time
	EffectiveAt, DecidedAt                           time.Time // zero for none
	Currency, Kind, Status, Maker, DecidedBy, Reason string
	Command                                          string // JSON, as it was asked for
}

func scanApproval(rows pgx.Rows, a *approvalRow) error {
	var effective, decided *time.Time
	err := rows.Scan((*[16]byte)(&a.ApprovalID), (*[16]byte)(&a.AccountID), &a.Amount, &a.Version, &a.Position, &a.RequestedAt, &a.ExpiresAt, &a.UpdatedAt,
		&effective, &decided, &a.Currency, &a.Kind, &a.Status, &a.Maker, &a.DecidedBy, &a.Reason, &a.Command)
	if err != nil {
		return err
	}
	for _, t := range []*time.Time{&a.RequestedAt, &a.ExpiresAt, &a.UpdatedAt} {
		*t = t.UTC()
	}
	if effective != nil {
		a.EffectiveAt = effective.UTC()
	}
	if decided != nil {
		a.DecidedAt = decided.UTC()
	}
	return nil
}

// canonical appends the row as its hash sees it: see docs/operations.md.
func (a *approvalRow) canonical(to *canonicalRow) {
	to.ids(a.ApprovalID, a.AccountID)
	to.numbers(a.Amount, a.Version, a.Position)
	to.times(a.RequestedAt, a.ExpiresAt, a.UpdatedAt)
	for _, t := range []time.Time{a.EffectiveAt, a.DecidedAt} {
		if t.IsZero() {
			to.null()
		} else {
			to.times(t)
		}
	}
	to.text(a.Currency, a.Kind, a.Status, a.Maker, a.DecidedBy, a.Reason)
	to.object(a.Command)
}

// enter does to the approval what the event says.
func (a *approvalRow) enter(e *posting) error {
	a.ApprovalID, a.Version, a.Position, a.UpdatedAt = e.StreamID, e.Version, e.Position, e.RecordedAt
	switch p := e.payload.(type) {
	case approval.Requested:
		a.AccountID, a.Amount, a.Currency, a.Kind, a.Command, a.Maker = p.AccountID, int64(p.Amount), p.Currency.Code(), p.Kind, string(p.Command), p.Maker
		a.RequestedAt, a.ExpiresAt, a.EffectiveAt, a.Status = e.RecordedAt, p.ExpiresAt.UTC(), p.EffectiveAt, "pending"
		if !a.EffectiveAt.IsZero() {
			a.EffectiveAt = a.EffectiveAt.UTC()
		}
	case approval.Approved:
		a.Status, a.DecidedBy, a.Reason, a.DecidedAt = "approved", p.By, p.Reason, e.RecordedAt
	case approval.Rejected:
		a.Status, a.DecidedBy, a.Reason, a.DecidedAt = "rejected", p.By, p.Reason, e.RecordedAt
	case approval.Expired:
		a.Status, a.DecidedAt = "expired", e.RecordedAt
	default:
		return fmt.Errorf("the auditor has no rule for %s", e.Type)
	}
	return nil
}

// approvalsBook expects one row an approval.
type approvalsBook struct {
	*table[approvalRow]
	now     approvalRow
	without approvalRow // the same but for the events that were to be passed over
}

func newApprovalsBook(found *differences) book {
	key := func(a *approvalRow) rowKey { return rowKey{stream: a.ApprovalID, at: a.Position} }
	return &approvalsBook{table: newTable(CheckApprovals, found, approvalsSQL, key, scanApproval)}
}

func (b *approvalsBook) begin(uuid.UUID) { b.now, b.without = approvalRow{}, approvalRow{} }

func (b *approvalsBook) apply(_ context.Context, e *posting) error {
	if !b.reaches(e.StreamID, e.Version, e.Position) {
		return nil
	}
	if err := b.now.enter(e); err != nil || b.aside.skipped[e.StreamID][e.Version] {
		return err
	}
	return b.without.enter(e)
}

func (b *approvalsBook) close(ctx context.Context) error {
	if b.now.Version == 0 {
		return nil
	}
	return b.expectEither(ctx, &b.now, &b.without)
}
