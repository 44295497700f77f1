package queryapi

import (
	"context"
	"math"
	"time"

	"passbook/httpapi"
	"passbook/readmodel"
)

// handlers has one method for each operation of the document.
type handlers struct {
	reads   Reads
	now     func() time.Time
	streams Streams
}

// ListAccounts lists accounts; those of the caller alone, where it is bound to its own.
func (h *handlers) ListAccounts(ctx context.Context, r ListAccountsRequestObject) (ListAccountsResponseObject, error) {
	if err := h.wait(ctx, readmodel.Balances); err != nil {
		return nil, err
	}
	p := r.Params
	filter := readmodel.AccountFilter{OwnerID: p.OwnerID, Status: string(p.Status), Currency: p.Currency, Limit: limitOf(p.Limit)}
	bound := httpapi.CallFrom(ctx).OwnedBy
	if bound != "" {
		filter.OwnerID = bound
	}
	scope := filtersOf(cursorAccounts, p.OwnerID, bound, filter.Status, filter.Currency)
	if p.Cursor != "" {
		after, err := decodeID(p.Cursor, scope)
		if err != nil {
			return nil, err
		}
		filter.After = &readmodel.AccountCursor{AccountID: after}
	}
	items, more, fresh, err := h.reads.Accounts(ctx, filter)
	if err != nil {
		return nil, translate(err)
	}
	if bound != "" && p.OwnerID != "" && p.OwnerID != bound {
		items, more = nil, false // accounts of others do not exist
	}
	page := list[readmodel.Account]{rows: items, each: appendAccount}
	if more {
		page.next = encodeID(scope, items[len(items)-1].ID)
	}
	return &answer{fresh: fresh, body: page}, nil
}

// GetAccount answers with one account, or that the caller has its version already.
func (h *handlers) GetAccount(ctx context.Context, r GetAccountRequestObject) (GetAccountResponseObject, error) {
	a, fresh, err := h.accountAlone(ctx, r.AccountID)
	if err != nil {
		return nil, err
	}
	return &accountAnswer{fresh: fresh, account: a, unchanged: fresh.StaleSince.IsZero() && httpapi.CallFrom(ctx).HasVersion(a.Version)}, nil
}

// GetBalance answers with the balance now, which needs no clock to agree with another, or at a moment.
func (h *handlers) GetBalance(ctx context.Context, r GetBalanceRequestObject) (GetBalanceResponseObject, error) {
	a, fresh, err := h.account(ctx, r.AccountID, readmodel.Balances, readmodel.Timeline)
	if err != nil {
		return nil, err
	}
	at, basis := h.now().UTC().Truncate(time.Microsecond), basisOf(r.Params.Basis)
	switch {
	case r.Params.At != "":
		if at, err = parseTime("at", r.Params.At); err != nil {
			return nil, err
		}
	case basis == Recorded:
		now := Balance{AccountID: a.ID, Currency: a.Currency, Balance: a.Balance, Held: a.Held, Available: &a.Available, At: at, Basis: basis, Version: &a.Version}
		now.Stale, now.StaleSince = staleOf(fresh)
		return &answer{fresh: fresh, body: now}, nil
	case a.UpdatedAt.After(at):
		at = a.UpdatedAt
	}
	b, fresh, err := h.reads.BalanceAt(ctx, a.ID, at, readmodel.Basis(basis))
	if err = reached(ctx, fresh, translate(err)); err != nil {
		return nil, err
	}
	return &answer{fresh: fresh, body: balanceOf(b, fresh)}, nil
}

// ListBalances answers with the closing balances of days.
func (h *handlers) ListBalances(ctx context.Context, r ListBalancesRequestObject) (ListBalancesResponseObject, error) {
	from, to, err := h.days(r.Params.From, r.Params.To)
	if err != nil {
		return nil, err
	}
	a, _, err := h.account(ctx, r.AccountID, readmodel.Balances, readmodel.Timeline)
	if err != nil {
		return nil, err
	}
	basis := basisOf(r.Params.Basis)
	days, currency, fresh, err := h.reads.DailyBalances(ctx, a.ID, from, to, readmodel.Basis(basis))
	if err = reached(ctx, fresh, translate(err)); err != nil {
		return nil, err
	}
	series := seriesOf(a.ID, currency, basis, from, to, days)
	series.Stale, series.StaleSince = staleOf(fresh)
	return &answer{fresh: fresh, body: series}, nil
}

// ListTimeline answers with what happened on the account, newest first.
func (h *handlers) ListTimeline(ctx context.Context, r ListTimelineRequestObject) (ListTimelineResponseObject, error) {
	filter, scope, err := timelineFilter(r)
	if err != nil {
		return nil, err
	}
	if filter.AccountID, err = httpapi.ParseID(r.AccountID); err != nil {
		return nil, httpapi.NoSuchAccount()
	}
	if err := h.wait(ctx, readmodel.Balances, readmodel.Timeline); err != nil {
		return nil, err
	}
	rows, more, fresh, err := h.timeline(ctx, filter)
	if err = reached(ctx, fresh, err); err != nil {
		return nil, err
	}
	page := list[readmodel.TimelineRow]{rows: rows, each: appendRow, staleSince: fresh.StaleSince}
	if more {
		page.next = encodeNumber(scope, rows[len(rows)-1].Position)
	}
	return &answer{fresh: fresh, body: page}, nil
}

// timeline reads a page. Whose account it is needs to be known only for a caller that is bound to its own; and that there is
// one, only where no rows show it.
func (h *handlers) timeline(ctx context.Context, f readmodel.TimelineFilter) ([]readmodel.TimelineRow, bool, readmodel.Freshness, error) {
	bound := httpapi.CallFrom(ctx).OwnedBy != ""
	if bound {
		if _, _, err := h.visible(ctx, f.AccountID); err != nil {
			return nil, false, readmodel.Freshness{}, err
		}
	}
	rows, more, fresh, err := h.reads.Timeline(ctx, f)
	if err != nil {
		return nil, false, fresh, translate(err)
	}
	if len(rows) == 0 && !bound {
		_, _, err = h.visible(ctx, f.AccountID)
	}
	return rows, more, fresh, err
}

// ListEvents answers with the raw events, oldest first. They come from the log itself, which is never behind.
func (h *handlers) ListEvents(ctx context.Context, r ListEventsRequestObject) (ListEventsResponseObject, error) {
	id, err := httpapi.ParseID(r.AccountID)
	if err != nil {
		return nil, httpapi.NoSuchAccount()
	}
	position, err := httpapi.CallFrom(ctx).MinPosition()
	if err != nil {
		return nil, err
	}
	scope := filtersOf(cursorEvents, id.String())
	after, err := decodeNumber(r.Params.Cursor, scope)
	if err != nil {
		return nil, err
	}
	events, more, err := h.reads.Events(ctx, id, after, limitOf(r.Params.Limit))
	if err != nil {
		return nil, translate(err)
	}
	if len(events) == 0 && after == 0 {
		return nil, httpapi.NoSuchAccount()
	}
	page := EventPage{Data: eventsOf(events), HasMore: more}
	if n := len(events); n > 0 {
		position = max(position, events[n-1].Position)
		if more {
			page.NextCursor = encodeNumber(scope, events[n-1].Version)
		}
	}
	return &answer{fresh: readmodel.Freshness{Position: position}, body: page}, nil
}

// ListProjections answers how far the read models are; as fresh as the one that is furthest behind.
func (h *handlers) ListProjections(ctx context.Context, _ ListProjectionsRequestObject) (ListProjectionsResponseObject, error) {
	status, err := h.reads.Status(ctx, readmodel.Balances, readmodel.Timeline)
	if err != nil {
		return nil, translate(err)
	}
	return &answer{fresh: oldest(status.Projections), body: projectionListOf(&status)}, nil
}

// oldest is the freshness of what is furthest behind among all that serves readers.
func oldest(projections []readmodel.Projection) readmodel.Freshness {
	fresh := readmodel.Freshness{Position: math.MaxInt64}
	for _, p := range projections {
		if p.Live || p.State == readmodel.StateWaiting {
			fresh.Position = min(fresh.Position, p.Position)
			fresh.LagMilliseconds = max(fresh.LagMilliseconds, p.LagMilliseconds)
		}
	}
	if fresh.Position == math.MaxInt64 {
		return readmodel.Freshness{}
	}
	return fresh
}
