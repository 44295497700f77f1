package queryapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"passbook/httpapi"
	"passbook/readmodel"
)

// tagged is an answer with an entity tag, or that the caller has it already.
type tagged struct {
	answer
	unchanged bool
}

// tag compares with what the caller has. What is stale is sent again: it says so.
func tag(ctx context.Context, fresh readmodel.Freshness, version int64, body any) *tagged {
	unchanged := fresh.StaleSince.IsZero() && httpapi.CallFrom(ctx).HasVersion(version)
	return &tagged{answer: answer{fresh: fresh, body: body, version: version}, unchanged: unchanged}
}

func (a *tagged) write(w http.ResponseWriter) error {
	if a.unchanged {
		setFreshness(w.Header(), a.fresh, a.version)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return a.answer.write(w)
}

// VisitGetHoldResponse writes the answer.
func (a *tagged) VisitGetHoldResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetTransactionResponse writes the answer.
func (a *tagged) VisitGetTransactionResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetTransferResponse writes the answer.
func (a *tagged) VisitGetTransferResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetPaymentResponse writes the answer.
func (a *tagged) VisitGetPaymentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListHoldsResponse writes the answer.
func (a *answer) VisitListHoldsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListPaymentsResponse writes the answer.
func (a *answer) VisitListPaymentsResponse(w http.ResponseWriter) error { return a.write(w) }

func noSuch(thing string) error {
	return &httpapi.Error{Code: httpapi.NotFound, Detail: "no such " + thing}
}

// waitFor is wait for a read that looks at whose an account is, too, where the caller is bound to its own.
func (h *handlers) waitFor(ctx context.Context, projection string) error {
	if httpapi.CallFrom(ctx).OwnedBy == "" {
		return h.wait(ctx, projection)
	}
	return h.wait(ctx, projection, readmodel.Balances)
}

// sees reports whether the caller may see an account.
func (h *handlers) sees(ctx context.Context, id uuid.UUID) (bool, error) {
	bound := httpapi.CallFrom(ctx).OwnedBy
	if bound == "" {
		return true, nil
	}
	a, _, err := h.reads.Account(ctx, id)
	if errors.Is(err, readmodel.ErrNotFound) || errors.Is(err, readmodel.ErrParked) {
		return false, nil
	}
	if err != nil {
		return false, translate(err)
	}
	return a.OwnerID == bound, nil
}

// mustSee is for a thing of one account: to a caller that may not see the account there is no such thing.
func (h *handlers) mustSee(ctx context.Context, id uuid.UUID, thing string) error {
	sees, err := h.sees(ctx, id)
	if err == nil && !sees {
		err = noSuch(thing)
	}
	return err
}

// found is the error of reading one thing. What is not there may be something of an account that is parked: then a caller that demands
// it is not told that there is no such thing.
func found(ctx context.Context, thing string, fresh readmodel.Freshness, err error) error {
	if !errors.Is(err, readmodel.ErrNotFound) {
		return reached(ctx, fresh, translate(err))
	}
	if stale := reached(ctx, fresh, nil); stale != nil {
		return stale
	}
	return noSuch(thing)
}

// GetHold answers with one hold.
func (h *handlers) GetHold(ctx context.Context, r GetHoldRequestObject) (GetHoldResponseObject, error) {
	id, err := httpapi.ParseID(r.HoldID)
	if err != nil {
		return nil, noSuch("hold")
	}
	if err := h.waitFor(ctx, readmodel.Holds); err != nil {
		return nil, err
	}
	hold, fresh, err := h.reads.Hold(ctx, id)
	if err = found(ctx, "hold", fresh, err); err != nil {
		return nil, err
	}
	if err := h.mustSee(ctx, hold.AccountID, "hold"); err != nil {
		return nil, err
	}
	view := holdOf(&hold)
	view.Stale, view.StaleSince = staleOf(fresh)
	return tag(ctx, fresh, hold.Version, view), nil
}

// ListHolds answers with the holds of an account, newest first.
func (h *handlers) ListHolds(ctx context.Context, r ListHoldsRequestObject) (ListHoldsResponseObject, error) {
	a, _, err := h.account(ctx, r.AccountID, readmodel.Balances, readmodel.Holds)
	if err != nil {
		return nil, err
	}
	filter := readmodel.HoldFilter{AccountID: a.ID, Status: string(r.Params.Status), Limit: limitOf(r.Params.Limit)}
	scope := filtersOf(cursorHolds, a.ID.String(), filter.Status)
	if filter.Before, err = decodeOptionalID(r.Params.Cursor, scope); err != nil {
		return nil, err
	}
	holds, more, fresh, err := h.reads.HoldsOf(ctx, filter)
	if err = reached(ctx, fresh, translate(err)); err != nil {
		return nil, err
	}
	page := HoldPage{Data: make([]Hold, len(holds)), HasMore: more}
	for i := range holds {
		page.Data[i] = holdOf(&holds[i])
	}
	if more {
		page.NextCursor = encodeID(scope, holds[len(holds)-1].ID)
	}
	page.Stale, page.StaleSince = staleOf(fresh)
	return &answer{fresh: fresh, body: page}, nil
}

// transaction reads a transaction, and which of its legs the caller may see.
func (h *handlers) transaction(ctx context.Context, thing, text string) (readmodel.Transaction, []bool, readmodel.Freshness, error) {
	id, err := httpapi.ParseID(text)
	if err != nil {
		return readmodel.Transaction{}, nil, readmodel.Freshness{}, noSuch(thing)
	}
	if err := h.waitFor(ctx, readmodel.Timeline); err != nil {
		return readmodel.Transaction{}, nil, readmodel.Freshness{}, err
	}
	t, fresh, err := h.reads.Transaction(ctx, id)
	if err = found(ctx, thing, fresh, err); err != nil {
		return t, nil, fresh, err
	}
	seen := make([]bool, len(t.Legs))
	for i := range t.Legs {
		if seen[i], err = h.sees(ctx, t.Legs[i].AccountID); err != nil {
			return t, nil, fresh, err
		}
	}
	if !slices.Contains(seen, true) {
		return t, nil, fresh, noSuch(thing)
	}
	return t, seen, fresh, nil
}

// GetTransaction answers with one movement, all its legs and what undid it.
func (h *handlers) GetTransaction(ctx context.Context, r GetTransactionRequestObject) (GetTransactionResponseObject, error) {
	t, seen, fresh, err := h.transaction(ctx, "transaction", r.TransactionID)
	if err != nil {
		return nil, err
	}
	view := transactionOf(&t, seen)
	view.Stale, view.StaleSince = staleOf(fresh)
	return tag(ctx, fresh, lastPosition(&t), view), nil
}

// GetTransfer answers with both sides of a transfer.
func (h *handlers) GetTransfer(ctx context.Context, r GetTransferRequestObject) (GetTransferResponseObject, error) {
	t, seen, fresh, err := h.transaction(ctx, "transfer", r.TransferID)
	if err != nil {
		return nil, err
	}
	view, ok := transferOf(&t, seen)
	if !ok {
		return nil, noSuch("transfer")
	}
	view.Stale, view.StaleSince = staleOf(fresh)
	return tag(ctx, fresh, lastPosition(&t), view), nil
}

// GetPayment answers with one payment.
func (h *handlers) GetPayment(ctx context.Context, r GetPaymentRequestObject) (GetPaymentResponseObject, error) {
	id, err := httpapi.ParseID(r.PaymentID)
	if err != nil {
		return nil, noSuch("payment")
	}
	if err := h.waitFor(ctx, readmodel.Payments); err != nil {
		return nil, err
	}
	p, fresh, err := h.reads.Payment(ctx, id)
	if err = found(ctx, "payment", fresh, err); err != nil {
		return nil, err
	}
	if err := h.mustSee(ctx, p.AccountID, "payment"); err != nil {
		return nil, err
	}
	view := paymentOf(&p)
	view.Stale, view.StaleSince = staleOf(fresh)
	return tag(ctx, fresh, p.Version, view), nil
}

// ListPayments answers with payments, newest first; those of the caller's accounts alone, where it is bound to its own.
func (h *handlers) ListPayments(ctx context.Context, r ListPaymentsRequestObject) (ListPaymentsResponseObject, error) {
	p, bound := r.Params, httpapi.CallFrom(ctx).OwnedBy
	filter := readmodel.PaymentFilter{OwnerID: bound, Status: string(p.Status), Limit: limitOf(p.Limit)}
	if p.Status == PaymentFilterStuck {
		filter.Status, filter.Stuck = "", true
	}
	projections := []string{readmodel.Payments}
	if bound != "" {
		projections = append(projections, readmodel.Owners, readmodel.Balances)
	}
	if err := h.wait(ctx, projections...); err != nil {
		return nil, err
	}
	if p.AccountID != "" {
		id, err := httpapi.ParseID(p.AccountID)
		if err != nil {
			return nil, invalid("account_id", httpapi.FieldInvalidFormat, "must be a UUID")
		}
		filter.AccountID = id
	}
	scope := filtersOf(cursorPayments, p.AccountID, string(p.Status), bound)
	var err error
	if filter.Before, err = decodeOptionalID(p.Cursor, scope); err != nil {
		return nil, err
	}
	payments, more, fresh, err := h.payments(ctx, filter)
	if err != nil {
		return nil, err
	}
	page := PaymentPage{Data: make([]Payment, len(payments)), HasMore: more}
	for i := range payments {
		page.Data[i] = paymentOf(&payments[i])
	}
	if more {
		page.NextCursor = encodeID(scope, payments[len(payments)-1].ID)
	}
	return &answer{fresh: fresh, body: page}, nil
}

// payments reads a page. An account that the caller may not see has none.
func (h *handlers) payments(ctx context.Context, f readmodel.PaymentFilter) ([]readmodel.Payment, bool, readmodel.Freshness, error) {
	payments, more, fresh, err := h.reads.Payments(ctx, f)
	if err != nil {
		return nil, false, fresh, translate(err)
	}
	if f.AccountID != uuid.Nil {
		if sees, err := h.sees(ctx, f.AccountID); err != nil || !sees {
			return nil, false, fresh, err
		}
	}
	return payments, more, fresh, nil
}
