package auditor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/payment"
)

const selectPayments = `SELECT payment_id, account_id, hold_id, amount, version, position, pushes, requested_at, deadline, updated_at, submitted_at, ended_at,
    stuck, currency, status, creditor_name, creditor_account, creditor_agent, reference, gateway_reference, code, reason, stuck_reason, metadata, contradictions
FROM payments`

var paymentsSQL = tableSQL{
	lock:    `LOCK TABLE payments IN ACCESS SHARE MODE`,
	declare: `DECLARE audited_payments NO SCROLL CURSOR FOR ` + selectPayments + ` ORDER BY payment_id`,
	within:  `DECLARE audited_payments NO SCROLL CURSOR FOR ` + selectPayments + ` WHERE payment_id > $1 AND payment_id <= $2 ORDER BY payment_id`,
	fetch:   `FETCH FORWARD 2000 FROM audited_payments`,
}

// paymentRow is what readmodel.payments should say, or says.
type paymentRow struct {
	PaymentID, AccountID, HoldID                                   uuid.UUID
	Amount, Version, Position, Pushes                              int64
	RequestedAt, Deadline, UpdatedAt, SubmittedAt, EndedAt         time.Time // the last two are zero for not yet
	Stuck                                                          bool
	Currency, Status, CreditorName, CreditorAccount, CreditorAgent string
	Reference, GatewayReference, Code, Reason, StuckReason         string
	Metadata, Contradictions                                       string // canonical JSON
}

func scanPayment(rows pgx.Rows, p *paymentRow) error {
	var submitted, ended *time.Time
	var metadata, contradictions []byte
	err := rows.Scan((*[16]byte)(&p.PaymentID), (*[16]byte)(&p.AccountID), (*[16]byte)(&p.HoldID), &p.Amount, &p.Version, &p.Position, &p.Pushes,
		&p.RequestedAt, &p.Deadline, &p.UpdatedAt, &submitted, &ended, &p.Stuck, &p.Currency, &p.Status, &p.CreditorName, &p.CreditorAccount,
		&p.CreditorAgent, &p.Reference, &p.GatewayReference, &p.Code, &p.Reason, &p.StuckReason, &metadata, &contradictions)
	if err != nil {
		return err
	}
	for _, t := range []*time.Time{&p.RequestedAt, &p.Deadline, &p.UpdatedAt} {
		*t = t.UTC()
	}
	if submitted != nil {
		p.SubmittedAt = submitted.UTC()
	}
	if ended != nil {
		p.EndedAt = ended.UTC()
	}
	if p.Contradictions, err = canonicalContradictions(contradictions); err != nil {
		return err
	}
	p.Metadata, err = canonical(metadata)
	return err
}

// canonicalContradictions is an array of objects of texts with sorted names.
func canonicalContradictions(stored []byte) (string, error) {
	if stored == nil {
		return "null", nil
	}
	var all []map[string]string
	if err := json.Unmarshal(stored, &all); err != nil {
		return "", fmt.Errorf("contradictions: %w", err)
	}
	return contradictionsText(all)
}

func contradictionsText(all []map[string]string) (string, error) {
	if len(all) == 0 {
		return "null", nil
	}
	encoded, err := jsonv2.Marshal(all, jsonv2.Deterministic(true))
	return string(encoded), err
}

// canonical appends the row as its hash sees it: see docs/operations.md.
func (p *paymentRow) canonical(to *canonicalRow) {
	to.ids(p.PaymentID, p.AccountID, p.HoldID)
	to.numbers(p.Amount, p.Version, p.Position, p.Pushes)
	to.times(p.RequestedAt, p.Deadline, p.UpdatedAt)
	for _, t := range []time.Time{p.SubmittedAt, p.EndedAt} {
		if t.IsZero() {
			to.null()
		} else {
			to.times(t)
		}
	}
	to.truth(p.Stuck)
	to.text(p.Currency, p.Status, p.CreditorName, p.CreditorAccount, p.CreditorAgent, p.Reference, p.GatewayReference, p.Code, p.Reason, p.StuckReason)
	to.object(p.Metadata)
	to.object(p.Contradictions)
}

// outcome is a payment as some of its events leave it.
type outcome struct {
	row            paymentRow
	contradictions []map[string]string
}

// enter does to the payment what the event says.
func (o *outcome) enter(e *posting) error {
	r := &o.row
	r.PaymentID, r.Version, r.Position, r.UpdatedAt = e.StreamID, e.Version, e.Position, e.RecordedAt
	switch p := e.payload.(type) {
	case payment.Requested:
		r.AccountID, r.HoldID, r.Amount, r.Currency = p.AccountID, p.HoldID, int64(p.Amount), p.Currency.Code()
		r.CreditorName, r.CreditorAccount, r.CreditorAgent, r.Reference = p.Creditor.Name, p.Creditor.Account, p.Creditor.Agent, p.Reference
		r.RequestedAt, r.Deadline, r.Status, r.Contradictions = e.RecordedAt, p.Deadline.UTC(), "requested", "null"
		var err error
		r.Metadata, err = canonicalMap(p.Metadata)
		return err
	case payment.Submitted:
		r.Status, r.SubmittedAt, r.GatewayReference = "submitted", e.RecordedAt, p.GatewayReference
	case payment.Settled:
		if p.GatewayReference != "" {
			r.GatewayReference = p.GatewayReference
		}
		o.end("settled", "", "", e)
	case payment.Rejected:
		o.end("rejected", p.Code, p.Reason, e)
	case payment.TimedOut:
		o.end("timed_out", "", "", e)
	case payment.Cancelled:
		o.end("cancelled", "", p.Reason, e)
	case payment.MarkedStuck:
		r.Stuck, r.StuckReason = true, p.Reason
	case payment.Pushed:
		r.Stuck, r.StuckReason, r.Pushes = false, "", r.Pushes+1
	case payment.AnswerContradicted:
		return o.contradict(p)
	default:
		return fmt.Errorf("the auditor has no rule for %s", e.Type)
	}
	return nil
}

func (o *outcome) end(status, code, reason string, e *posting) {
	r := &o.row
	r.Status, r.Code, r.Reason, r.EndedAt, r.Stuck, r.StuckReason = status, code, reason, e.RecordedAt, false, ""
}

func (o *outcome) contradict(p payment.AnswerContradicted) error {
	said := map[string]string{"outcome": string(p.Outcome), "answer": string(p.Answer)}
	for name, text := range map[string]string{"gateway_reference": p.GatewayReference, "code": p.Code, "reason": p.Reason} {
		if text != "" {
			said[name] = text
		}
	}
	o.contradictions = append(slices.Clip(o.contradictions), said)
	var err error
	o.row.Contradictions, err = contradictionsText(o.contradictions)
	return err
}

// paymentsBook expects one row a payment.
type paymentsBook struct {
	*table[paymentRow]
	now     outcome
	without outcome // the same but for the events that were to be passed over
}

func newPaymentsBook(found *differences) book {
	key := func(p *paymentRow) rowKey { return rowKey{stream: p.PaymentID, at: p.Position} }
	return &paymentsBook{table: newTable(CheckPayments, found, paymentsSQL, key, scanPayment)}
}

func (b *paymentsBook) begin(uuid.UUID) { b.now, b.without = outcome{}, outcome{} }

func (b *paymentsBook) apply(_ context.Context, e *posting) error {
	if !b.reaches(e.StreamID, e.Version, e.Position) {
		return nil
	}
	if err := b.now.enter(e); err != nil || b.aside.skipped[e.StreamID][e.Version] {
		return err
	}
	return b.without.enter(e)
}

func (b *paymentsBook) close(ctx context.Context) error {
	if b.now.row.Version == 0 {
		return nil
	}
	return b.expectEither(ctx, &b.now.row, &b.without.row)
}
