package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"passbook/domain/approval"
	"passbook/readmodel/internal/db"
	"passbook/readmodel/internal/pgcopy"
)

// approvalsProjector keeps one row an approval: what waits, and what became of it.
func approvalsProjector() Projector {
	return Project(Projector{
		Name: Approvals, Version: 1, Stream: approval.StreamType, Key: "approval_id", Tables: []string{"approvals"},
	}, Definition[approvalRow]{
		Load: loadApprovals, Apply: applyApproval, Store: storeApprovals, CopyStates: copyApprovals, Row: addApproval,
	})
}

// approvalRow is a row of the table, and the state of an approval.
type approvalRow struct {
	id, accountID                                      uuid.UUID
	amount, version, position                          int64
	requestedAt, expiresAt, updatedAt                  time.Time
	effectiveAt, decidedAt                             time.Time // zero for none, and for not yet
	currency, kind, status, maker, decidedBy, decision string
	command                                            []byte
}

var errNotAskedFor = fmt.Errorf("the approval's first event does not ask for it")

// applyApproval assigns what the event says.
func applyApproval(a *approvalRow, e *Event, _ *pgcopy.Rows) error {
	if _, asks := e.Payload.(approval.Requested); asks != (e.Version == 1) {
		return errNotAskedFor
	}
	a.version, a.position, a.updatedAt = e.Version, e.Position, e.RecordedAt
	switch said := e.Payload.(type) {
	case approval.Requested:
		a.id, a.accountID, a.amount, a.currency = e.StreamID, said.AccountID, int64(said.Amount), said.Currency.Code()
		a.kind, a.command, a.maker, a.status = said.Kind, said.Command, said.Maker, string(approval.StatusPending)
		a.requestedAt, a.expiresAt, a.effectiveAt = e.RecordedAt, said.ExpiresAt, said.EffectiveAt
	case approval.Approved:
		a.decide(approval.StatusApproved, said.By, said.Reason, e)
	case approval.Rejected:
		a.decide(approval.StatusRejected, said.By, said.Reason, e)
	case approval.Expired:
		a.decide(approval.StatusExpired, "", "", e)
	default:
		panic(unknownPayload(e))
	}
	return nil
}

func (a *approvalRow) decide(outcome approval.Status, by, reason string, e *Event) {
	a.status, a.decidedBy, a.decision, a.decidedAt = string(outcome), by, reason, e.RecordedAt
}

const loadApprovalsSQL = `
SELECT approval_id, account_id, amount, version, position, requested_at, expires_at, updated_at, effective_at, decided_at,
    currency, kind, status, maker, decided_by, reason, command
FROM approvals WHERE approval_id = ANY($1::uuid[])`

func loadApprovals(ctx context.Context, tx pgx.Tx, approvals [][16]byte, found func(uuid.UUID, int64, approvalRow)) error {
	rows, err := tx.Query(ctx, loadApprovalsSQL, approvals)
	if err != nil {
		return fmt.Errorf("load approvals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a approvalRow
		var effective, decided *time.Time
		err := rows.Scan((*[16]byte)(&a.id), (*[16]byte)(&a.accountID), &a.amount, &a.version, &a.position, &a.requestedAt, &a.expiresAt, &a.updatedAt,
			&effective, &decided, &a.currency, &a.kind, &a.status, &a.maker, &a.decidedBy, &a.decision, &a.command)
		if err != nil {
			return fmt.Errorf("load approvals: %w", err)
		}
		a.effectiveAt, a.decidedAt = orZero(effective), orZero(decided)
		found(a.id, a.version, a)
	}
	return rows.Err()
}

// An approval changes once in its life.
const upsertApprovalSQL = `
INSERT INTO approvals AS a (approval_id, account_id, amount, version, position, requested_at, expires_at, updated_at, effective_at, decided_at,
    currency, kind, status, maker, decided_by, reason, command)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (approval_id) DO UPDATE SET
    version = excluded.version, position = excluded.position, updated_at = excluded.updated_at, decided_at = excluded.decided_at,
    status = excluded.status, decided_by = excluded.decided_by, reason = excluded.reason
WHERE a.version < excluded.version`

func storeApprovals(ctx context.Context, tx pgx.Tx, approvals []*approvalRow) error {
	batch := &pgx.Batch{}
	for _, a := range approvals {
		batch.Queue(upsertApprovalSQL, [16]byte(a.id), [16]byte(a.accountID), a.amount, a.version, a.position, a.requestedAt, a.expiresAt, a.updatedAt,
			orNull(&a.effectiveAt), orNull(&a.decidedAt), a.currency, a.kind, a.status, a.maker, a.decidedBy, a.decision, a.command).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() != 1 {
				return fmt.Errorf("the row of approval %s was not older than its event", a.id)
			}
			return nil
		})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write approvals: %w", err)
	}
	return nil
}

const copyApprovals = `COPY approvals (approval_id, account_id, amount, version, position, requested_at, expires_at, updated_at, effective_at, decided_at,
    currency, kind, status, maker, decided_by, reason, command) FROM STDIN (FORMAT binary)`

// addApproval adds the columns in the order of the statement.
func addApproval(a *approvalRow, rows *pgcopy.Rows) {
	rows.Row(17)
	rows.UUID(a.id)
	rows.UUID(a.accountID)
	for _, n := range [...]int64{a.amount, a.version, a.position} {
		rows.Int64(n)
	}
	for _, t := range [...]time.Time{a.requestedAt, a.expiresAt, a.updatedAt} {
		rows.Time(t)
	}
	rows.OptionalTime(a.effectiveAt)
	rows.OptionalTime(a.decidedAt)
	for _, text := range [...]string{a.currency, a.kind, a.status, a.maker, a.decidedBy, a.decision} {
		rows.Text(text)
	}
	rows.JSON(a.command)
}

// Approval is a command that waits, or waited, for a second person. Amounts are in minor units.
type Approval struct {
	ID, AccountID          uuid.UUID
	Amount                 int64
	Currency               string
	Kind                   string // of the command, as in package bank
	Command                json.RawMessage
	Status                 string // of package approval, at the moment of the reading
	Maker                  string
	DecidedBy              string // empty until it is, and of one that expired
	Reason                 string
	Version, Position      int64 // of the last event, of the approval and in the log
	RequestedAt, ExpiresAt time.Time
	UpdatedAt              time.Time
	EffectiveAt, DecidedAt *time.Time // nil for none
}

// ApprovalFilter picks approvals; empty fields pick all.
type ApprovalFilter struct {
	AccountID uuid.UUID
	Maker     string
	Status    string
	Limit     int       // at most 1,000
	Before    uuid.UUID // the approval behind which the page begins; Nil for the newest
}

// Approval returns one approval, or ErrNotFound.
func (q *Queries) Approval(ctx context.Context, id uuid.UUID) (Approval, Freshness, error) {
	statements, stamp := q.stamp(Approvals)
	row, err := statements.ApprovalByID(ctx, id)
	if err != nil {
		return Approval{}, stamp.missing(err), notFound("approval", id, err)
	}
	return newApproval(row, time.Now()), stamp.of(row.ApprovalID), nil
}

// Approvals returns a page of approvals, newest first, and whether there is more behind it.
func (q *Queries) Approvals(ctx context.Context, f ApprovalFilter) ([]Approval, bool, Freshness, error) {
	statements, stamp := q.stamp(Approvals)
	limit, now := pageLimit(f.Limit), time.Now()
	rows, err := listApprovals(ctx, statements, f, now, limit)
	if err != nil {
		return nil, false, stamp.freshness, fmt.Errorf("list approvals: %w", err)
	}
	rows, more := page(rows, limit)
	approvals, fresh := make([]Approval, len(rows)), stamp.freshness
	for i, row := range rows {
		approvals[i] = newApproval(row, now)
		fresh = fresh.of(stamp.parked[row.ApprovalID])
	}
	return approvals, more, fresh, nil
}

// listApprovals picks the statement whose index serves the most selective filter.
func listApprovals(ctx context.Context, q *db.Queries, f ApprovalFilter, now time.Time, limit int) ([]db.ReadmodelApproval, error) {
	before := beforeID(f.Before)
	switch {
	case f.AccountID != uuid.Nil:
		return q.ApprovalsOfAccount(ctx, db.ApprovalsOfAccountParams{AccountID: f.AccountID, Before: before, Maker: f.Maker, Status: f.Status, Now: now, RowLimit: limit})
	case f.Maker != "":
		return q.ApprovalsOfMaker(ctx, db.ApprovalsOfMakerParams{Maker: f.Maker, Before: before, Status: f.Status, Now: now, RowLimit: limit})
	case f.Status == string(approval.StatusPending):
		return q.PendingApprovals(ctx, db.PendingApprovalsParams{Now: now, Before: before, RowLimit: limit})
	case f.Status == string(approval.StatusExpired):
		return q.ExpiredApprovals(ctx, db.ExpiredApprovalsParams{Now: now, Before: before, RowLimit: limit})
	case f.Status != "":
		return q.DecidedApprovals(ctx, db.DecidedApprovalsParams{Status: f.Status, Before: before, RowLimit: limit})
	default:
		return q.Approvals(ctx, db.ApprovalsParams{Before: before, RowLimit: limit})
	}
}

// NoticedExpiry reports whether the status of the approval is that of its events: time may have ended one that no event says it of.
func NoticedExpiry(a *Approval) bool {
	return a.Status != string(approval.StatusExpired) || a.DecidedAt != nil
}

func newApproval(row db.ReadmodelApproval, now time.Time) Approval {
	a := Approval{
		ID: row.ApprovalID, AccountID: row.AccountID, Amount: row.Amount, Currency: row.Currency, Kind: row.Kind, Command: row.Command, Status: row.Status,
		Maker: row.Maker, DecidedBy: row.DecidedBy, Reason: row.Reason, Version: row.Version, Position: row.Position,
		RequestedAt: row.RequestedAt.UTC(), ExpiresAt: row.ExpiresAt.UTC(), UpdatedAt: row.UpdatedAt.UTC(), EffectiveAt: utc(row.EffectiveAt), DecidedAt: utc(row.DecidedAt),
	}
	if a.Status == string(approval.StatusPending) && !now.Before(a.ExpiresAt) {
		a.Status = string(approval.StatusExpired) // time decides, whether it is on record or not
	}
	return a
}
