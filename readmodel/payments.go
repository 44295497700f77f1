package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"passbook/domain/payment"
	"passbook/readmodel/internal/pgcopy"
)

// paymentsProjector keeps one row a payment: how far it has come.
func paymentsProjector() Projector {
	return Project(Projector{
		Name: Payments, Version: 1, Stream: payment.StreamType, Key: "payment_id", Tables: []string{"payments"},
	}, Definition[paymentRow]{
		Load: loadPayments, Apply: applyPayment, Store: storePayments, CopyStates: copyPayments, Row: addPayment,
	})
}

// paymentRow is a row of the table, and the state of a payment.
type paymentRow struct {
	id, accountID, holdID                                 uuid.UUID
	amount, version, position, pushes                     int64
	requestedAt, deadline, updatedAt                      time.Time
	submittedAt, endedAt                                  time.Time // zero for not yet
	stuck                                                 bool
	currency, status                                      string
	creditor                                              payment.Creditor
	reference, gatewayReference, code, reason, stuckCause string
	metadata                                              []byte // JSON object, nil for none
	contradictions                                        []byte // JSON array, nil for none
}

// applyPayment assigns what the event says.
func applyPayment(p *paymentRow, e *Event, _ *pgcopy.Rows) error {
	if _, requests := e.Payload.(payment.Requested); requests != (e.Version == 1) {
		return errNotRequested
	}
	p.version, p.position, p.updatedAt = e.Version, e.Position, e.RecordedAt
	switch said := e.Payload.(type) {
	case payment.Requested:
		return p.request(said, e)
	case payment.Submitted:
		p.status, p.gatewayReference, p.submittedAt = string(payment.StatusSubmitted), said.GatewayReference, e.RecordedAt
	case payment.Settled:
		if said.GatewayReference != "" {
			p.gatewayReference = said.GatewayReference
		}
		p.end(payment.StatusSettled, "", "", e)
	case payment.Rejected:
		p.end(payment.StatusRejected, said.Code, said.Reason, e)
	case payment.TimedOut:
		p.end(payment.StatusTimedOut, "", "", e)
	case payment.Cancelled:
		p.end(payment.StatusCancelled, "", said.Reason, e)
	case payment.Pushed:
		p.stuck, p.stuckCause, p.pushes = false, "", p.pushes+1
	case payment.MarkedStuck:
		p.stuck, p.stuckCause = true, said.Reason
	case payment.AnswerContradicted:
		return p.contradict(said)
	default:
		panic(unknownPayload(e))
	}
	return nil
}

var errNotRequested = fmt.Errorf("the payment's first event does not request it")

func (p *paymentRow) request(said payment.Requested, e *Event) (err error) {
	p.id, p.accountID, p.holdID = e.StreamID, said.AccountID, said.HoldID
	p.amount, p.currency, p.creditor, p.reference = int64(said.Amount), said.Currency.Code(), said.Creditor, said.Reference
	p.status, p.requestedAt, p.deadline = string(payment.StatusRequested), e.RecordedAt, said.Deadline
	if len(said.Metadata) > 0 {
		p.metadata, err = encodeMetadata(said.Metadata)
	}
	return err
}

func (p *paymentRow) end(outcome payment.Status, code, reason string, e *Event) {
	p.status, p.code, p.reason, p.endedAt = string(outcome), code, reason, e.RecordedAt
	p.stuck, p.stuckCause = false, ""
}

// contradict adds to the list. The bytes that another state may share are not written to.
func (p *paymentRow) contradict(said payment.AnswerContradicted) error {
	added, err := json.Marshal(said)
	if err != nil {
		return err
	}
	if p.contradictions == nil {
		p.contradictions = slices.Concat([]byte("["), added, []byte("]"))
	} else {
		p.contradictions = slices.Concat(p.contradictions[:len(p.contradictions)-1], []byte(","), added, []byte("]"))
	}
	return nil
}

const loadPaymentsSQL = `
SELECT payment_id, account_id, hold_id, amount, version, position, pushes, requested_at, deadline, updated_at, submitted_at, ended_at, stuck,
    currency, status, creditor_name, creditor_account, creditor_agent, reference, gateway_reference, code, reason, stuck_reason, metadata, contradictions
FROM payments WHERE payment_id = ANY($1::uuid[])`

func loadPayments(ctx context.Context, tx pgx.Tx, payments [][16]byte, found func(uuid.UUID, int64, paymentRow)) error {
	rows, err := tx.Query(ctx, loadPaymentsSQL, payments)
	if err != nil {
		return fmt.Errorf("load payments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p paymentRow
		var submitted, ended *time.Time
		err := rows.Scan((*[16]byte)(&p.id), (*[16]byte)(&p.accountID), (*[16]byte)(&p.holdID), &p.amount, &p.version, &p.position, &p.pushes,
			&p.requestedAt, &p.deadline, &p.updatedAt, &submitted, &ended, &p.stuck, &p.currency, &p.status,
			&p.creditor.Name, &p.creditor.Account, &p.creditor.Agent, &p.reference, &p.gatewayReference, &p.code, &p.reason, &p.stuckCause,
			&p.metadata, &p.contradictions)
		if err != nil {
			return fmt.Errorf("load payments: %w", err)
		}
		p.submittedAt, p.endedAt = orZero(submitted), orZero(ended)
		found(p.id, p.version, p)
	}
	return rows.Err()
}

// orZero is the zero value for nil.
func orZero[T any](value *T) (v T) {
	if value != nil {
		v = *value
	}
	return v
}

// A payment changes a few times in its life, far from each other: its row is written by itself.
const upsertPaymentSQL = `
INSERT INTO payments AS p (payment_id, account_id, hold_id, amount, version, position, pushes, requested_at, deadline, updated_at, submitted_at, ended_at, stuck,
    currency, status, creditor_name, creditor_account, creditor_agent, reference, gateway_reference, code, reason, stuck_reason, metadata, contradictions)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
ON CONFLICT (payment_id) DO UPDATE SET
    version = excluded.version, position = excluded.position, pushes = excluded.pushes, updated_at = excluded.updated_at,
    submitted_at = excluded.submitted_at, ended_at = excluded.ended_at, stuck = excluded.stuck, status = excluded.status,
    gateway_reference = excluded.gateway_reference, code = excluded.code, reason = excluded.reason, stuck_reason = excluded.stuck_reason,
    contradictions = excluded.contradictions
WHERE p.version < excluded.version`

func storePayments(ctx context.Context, tx pgx.Tx, payments []*paymentRow) error {
	batch := &pgx.Batch{}
	for _, p := range payments {
		batch.Queue(upsertPaymentSQL, [16]byte(p.id), [16]byte(p.accountID), [16]byte(p.holdID), p.amount, p.version, p.position, p.pushes,
			p.requestedAt, p.deadline, p.updatedAt, orNull(&p.submittedAt), orNull(&p.endedAt), p.stuck, p.currency, p.status,
			p.creditor.Name, p.creditor.Account, p.creditor.Agent, p.reference, p.gatewayReference, p.code, p.reason, p.stuckCause,
			p.metadata, p.contradictions).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() != 1 {
				return fmt.Errorf("the row of payment %s was not older than its event", p.id)
			}
			return nil
		})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write payments: %w", err)
	}
	return nil
}

const copyPayments = `COPY payments (payment_id, account_id, hold_id, amount, version, position, pushes, requested_at, deadline, updated_at,
    submitted_at, ended_at, stuck, currency, status, creditor_name, creditor_account, creditor_agent, reference, gateway_reference, code, reason,
    stuck_reason, metadata, contradictions) FROM STDIN (FORMAT binary)`

// addPayment adds the columns in the order of the statement.
func addPayment(p *paymentRow, rows *pgcopy.Rows) {
	rows.Row(25)
	for _, id := range [...]uuid.UUID{p.id, p.accountID, p.holdID} {
		rows.UUID(id)
	}
	for _, n := range [...]int64{p.amount, p.version, p.position, p.pushes} {
		rows.Int64(n)
	}
	for _, t := range [...]time.Time{p.requestedAt, p.deadline, p.updatedAt} {
		rows.Time(t)
	}
	rows.OptionalTime(p.submittedAt)
	rows.OptionalTime(p.endedAt)
	rows.Bool(p.stuck)
	for _, text := range [...]string{p.currency, p.status, p.creditor.Name, p.creditor.Account, p.creditor.Agent, p.reference,
		p.gatewayReference, p.code, p.reason, p.stuckCause} {
		rows.Text(text)
	}
	rows.JSON(p.metadata)
	rows.JSON(p.contradictions)
}
