package queryapi

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"passbook/httpapi"
	"passbook/readmodel"
)

// GetOwner answers with one owner. To a caller that is bound to its own accounts no other owner exists.
func (h *handlers) GetOwner(ctx context.Context, r GetOwnerRequestObject) (GetOwnerResponseObject, error) {
	if err := httpapi.CallFrom(ctx).May(r.OwnerID); err != nil {
		return nil, noSuchOwner()
	}
	if unstorable(r.OwnerID) {
		return nil, noSuchOwner()
	}
	if err := h.wait(ctx, readmodel.Owners); err != nil {
		return nil, err
	}
	o, fresh, err := h.reads.Owner(ctx, r.OwnerID)
	if errors.Is(err, readmodel.ErrNotFound) {
		return nil, noSuchOwner()
	}
	if err = reached(ctx, fresh, translate(err)); err != nil {
		return nil, err
	}
	view := Owner{OwnerID: o.ID, OwnerName: o.Name, AccountIds: o.Accounts, HasMore: &o.More}
	view.Stale, view.StaleSince = staleOf(fresh)
	return &answer{fresh: fresh, body: view}, nil
}

// ListOwners answers with a page of the directory.
func (h *handlers) ListOwners(ctx context.Context, r ListOwnersRequestObject) (ListOwnersResponseObject, error) {
	p, bound := r.Params, httpapi.CallFrom(ctx).OwnedBy
	scope := filtersOf(cursorOwners, p.Q, bound)
	after, err := decodeText(p.Cursor, scope)
	if err != nil {
		return nil, err
	}
	if unstorable(after) {
		return nil, &httpapi.Error{Code: httpapi.InvalidCursor, Detail: "The cursor is not the next_cursor of a page."}
	}
	if err := h.wait(ctx, readmodel.Owners); err != nil {
		return nil, err
	}
	owners, more, fresh, err := h.reads.Owners(ctx, readmodel.OwnerFilter{Words: p.Q, Only: bound, Limit: limitOf(p.Limit), After: after})
	if errors.Is(err, readmodel.ErrNoWords) {
		return nil, invalid("q", httpapi.FieldInvalidValue, "must have a letter or a digit")
	}
	if err != nil {
		return nil, translate(err)
	}
	page := OwnerPage{Data: make([]Owner, len(owners)), HasMore: more}
	for i, o := range owners {
		page.Data[i] = Owner{OwnerID: o.ID, OwnerName: o.Name}
	}
	if more {
		page.NextCursor = encode(scope, []byte(owners[len(owners)-1].ID))
	}
	return &answer{fresh: fresh, body: page}, nil
}

// unstorable finds what no stored text can be: asked for it, the database would take offence.
func unstorable(text string) bool { return !utf8.ValidString(text) || strings.ContainsRune(text, 0) }

func noSuchOwner() error { return &httpapi.Error{Code: httpapi.NotFound, Detail: "no such owner"} }
