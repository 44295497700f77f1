package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/payment"
	"passbook/readmodel/internal/db"
)

// Payment is a payment out of the bank, in minor units.
type Payment struct {
	ID, AccountID, HoldID uuid.UUID
	Amount                int64
	Currency              string
	Status                string // of package payment
	Stuck                 bool   // tried in vain too often, and without an outcome
	StuckReason           string
	Creditor              payment.Creditor
	Reference             string
	GatewayReference      string
	Code, Reason          string // of the outcome
	Contradictions        []payment.AnswerContradicted
	Metadata              map[string]string
	Pushes                int64 // how often somebody had it tried again
	Version, Position     int64 // of the last event, of the payment and in the log
	RequestedAt, Deadline time.Time
	UpdatedAt             time.Time
	SubmittedAt, EndedAt  *time.Time // nil for not yet
}

// PaymentFilter picks payments; empty fields pick all. OwnerID counts only without AccountID.
type PaymentFilter struct {
	AccountID uuid.UUID
	OwnerID   string    // of the accounts
	Status    string    // of package payment
	Stuck     bool      // only those that are
	Limit     int       // at most 1,000
	Before    uuid.UUID // the payment behind which the page begins; Nil for the newest
}

// Payment returns one payment, or ErrNotFound.
func (q *Queries) Payment(ctx context.Context, id uuid.UUID) (Payment, Freshness, error) {
	statements, stamp := q.stamp(Payments)
	row, err := statements.PaymentByID(ctx, id)
	if err != nil {
		return Payment{}, stamp.missing(err), notFound("payment", id, err)
	}
	p, err := newPayment(row)
	return p, stamp.of(p.ID), err
}

// Payments returns a page of payments, newest first, and whether there is more behind it.
func (q *Queries) Payments(ctx context.Context, f PaymentFilter) ([]Payment, bool, Freshness, error) {
	statements, stamp := q.stamp(Payments)
	limit := pageLimit(f.Limit)
	rows, err := listPayments(ctx, statements, f, limit)
	if err != nil {
		return nil, false, stamp.freshness, fmt.Errorf("list payments: %w", err)
	}
	rows, more := page(rows, limit)
	payments, fresh := make([]Payment, len(rows)), stamp.freshness
	for i, row := range rows {
		if payments[i], err = newPayment(row); err != nil {
			return nil, false, stamp.freshness, err
		}
		fresh = fresh.of(stamp.parked[row.PaymentID])
	}
	return payments, more, fresh, nil
}

// listPayments picks the statement whose index serves the most selective filter.
func listPayments(ctx context.Context, q *db.Queries, f PaymentFilter, limit int) ([]db.ReadmodelPayment, error) {
	before := beforeID(f.Before)
	switch {
	case f.AccountID != uuid.Nil:
		return q.PaymentsOfAccount(ctx, db.PaymentsOfAccountParams{AccountID: f.AccountID, Before: before, Status: f.Status, Stuck: f.Stuck, RowLimit: limit})
	case f.OwnerID != "":
		return q.PaymentsOfOwner(ctx, db.PaymentsOfOwnerParams{OwnerID: f.OwnerID, Before: before, Status: f.Status, Stuck: f.Stuck, RowLimit: limit})
	case f.Stuck:
		return q.StuckPayments(ctx, db.StuckPaymentsParams{Before: before, RowLimit: limit})
	case f.Status != "":
		return q.PaymentsByStatus(ctx, db.PaymentsByStatusParams{Status: f.Status, Before: before, RowLimit: limit})
	default:
		return q.Payments(ctx, db.PaymentsParams{Before: before, RowLimit: limit})
	}
}

func newPayment(row db.ReadmodelPayment) (Payment, error) {
	metadata, err := decodeMetadata(row.Metadata)
	if err != nil {
		return Payment{}, fmt.Errorf("metadata of payment %s: %w", row.PaymentID, err)
	}
	var contradictions []payment.AnswerContradicted
	if row.Contradictions != nil {
		if err := json.Unmarshal(row.Contradictions, &contradictions); err != nil {
			return Payment{}, fmt.Errorf("contradictions of payment %s: %w", row.PaymentID, err)
		}
	}
	return Payment{
		ID: row.PaymentID, AccountID: row.AccountID, HoldID: row.HoldID, Amount: row.Amount, Currency: row.Currency, Status: row.Status,
		Stuck: row.Stuck, StuckReason: row.StuckReason, Reference: row.Reference, GatewayReference: row.GatewayReference,
		Creditor: payment.Creditor{Name: row.CreditorName, Account: row.CreditorAccount, Agent: row.CreditorAgent},
		Code:     row.Code, Reason: row.Reason, Contradictions: contradictions, Metadata: metadata, Pushes: row.Pushes,
		Version: row.Version, Position: row.Position, RequestedAt: row.RequestedAt.UTC(), Deadline: row.Deadline.UTC(),
		UpdatedAt: row.UpdatedAt.UTC(), SubmittedAt: utc(row.SubmittedAt), EndedAt: utc(row.EndedAt),
	}, nil
}
