package queryapi

import (
	"context"
	"net/http"

	"passbook/httpapi"
	"passbook/readmodel"
)

// VisitGetApprovalResponse writes the answer.
func (a *tagged) VisitGetApprovalResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListApprovalsResponse writes the answer.
func (a *answer) VisitListApprovalsResponse(w http.ResponseWriter) error { return a.write(w) }

// GetApproval answers with one approval. To a caller that may see its own alone there is no other.
func (h *handlers) GetApproval(ctx context.Context, r GetApprovalRequestObject) (GetApprovalResponseObject, error) {
	id, err := httpapi.ParseID(r.ApprovalID)
	if err != nil {
		return nil, noSuch("approval")
	}
	if err := h.wait(ctx, readmodel.Approvals); err != nil {
		return nil, err
	}
	a, fresh, err := h.reads.Approval(ctx, id)
	if err = found(ctx, "approval", fresh, err); err != nil {
		return nil, err
	}
	if mine := httpapi.CallFrom(ctx).OwnedBy; mine != "" && mine != a.Maker {
		return nil, noSuch("approval")
	}
	view := approvalOf(&a)
	view.Stale, view.StaleSince = staleOf(fresh)
	if readmodel.NoticedExpiry(&a) {
		return tag(ctx, fresh, a.Version, view), nil
	}
	return &tagged{answer: answer{fresh: fresh, body: view}}, nil // it has changed, and its events have not
}

// ListApprovals answers with approvals, newest first.
func (h *handlers) ListApprovals(ctx context.Context, r ListApprovalsRequestObject) (ListApprovalsResponseObject, error) {
	p, mine := r.Params, httpapi.CallFrom(ctx).OwnedBy
	filter := readmodel.ApprovalFilter{Maker: mine, Status: string(p.Status), Limit: limitOf(p.Limit)}
	if err := h.wait(ctx, readmodel.Approvals); err != nil {
		return nil, err
	}
	var err error
	if p.AccountID != "" {
		if filter.AccountID, err = httpapi.ParseID(p.AccountID); err != nil {
			return nil, invalid("account_id", httpapi.FieldInvalidFormat, "must be a UUID")
		}
	}
	scope := filtersOf(cursorApprovals, p.AccountID, string(p.Status), mine)
	if filter.Before, err = decodeOptionalID(p.Cursor, scope); err != nil {
		return nil, err
	}
	approvals, more, fresh, err := h.reads.Approvals(ctx, filter)
	if err != nil {
		return nil, translate(err)
	}
	page := ApprovalPage{Data: make([]Approval, len(approvals)), HasMore: more}
	for i := range approvals {
		page.Data[i] = approvalOf(&approvals[i])
	}
	if more {
		page.NextCursor = encodeID(scope, approvals[len(approvals)-1].ID)
	}
	return &answer{fresh: fresh, body: page}, nil
}

func approvalOf(a *readmodel.Approval) Approval {
	return Approval{
		ApprovalID: a.ID, AccountID: a.AccountID, Kind: ApprovalKind(a.Kind), Status: ApprovalStatus(a.Status), Amount: a.Amount, Currency: a.Currency,
		Command: a.Command, RequestedBy: a.Maker, DecidedBy: a.DecidedBy, Reason: a.Reason, RequestedAt: a.RequestedAt, ExpiresAt: a.ExpiresAt,
		EffectiveAt: a.EffectiveAt, DecidedAt: a.DecidedAt, UpdatedAt: a.UpdatedAt, Version: a.Version, Position: a.Position,
	}
}
