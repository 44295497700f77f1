package queryapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/httpapi"
	"passbook/readmodel"
)

// account finds the account of a path, once the projections have come as far as the caller demands. It is the door to all
// that is read about one account: what the caller may not see does not exist.
func (h *handlers) account(ctx context.Context, text string, projections ...string) (readmodel.Account, readmodel.Freshness, error) {
	id, err := httpapi.ParseID(text)
	if err != nil {
		return readmodel.Account{}, readmodel.Freshness{}, httpapi.NoSuchAccount() // what is not a UUID is no account's id
	}
	if err := h.wait(ctx, projections...); err != nil {
		return readmodel.Account{}, readmodel.Freshness{}, err
	}
	return h.visible(ctx, id)
}

// visible reads an account as it is now, if the caller may see it.
func (h *handlers) visible(ctx context.Context, id uuid.UUID) (readmodel.Account, readmodel.Freshness, error) {
	a, fresh, err := h.reads.Account(ctx, id)
	return a, fresh, reached(ctx, fresh, mayRead(ctx, a, err))
}

// reached is the error of a read, or that the account is parked in front of what the caller demands: waiting would not help.
func reached(ctx context.Context, fresh readmodel.Freshness, err error) error {
	if err != nil || fresh.StaleSince.IsZero() {
		return err
	}
	demanded, err := httpapi.CallFrom(ctx).MinPosition()
	if err != nil || demanded <= fresh.Position {
		return err
	}
	return &httpapi.Error{
		Code: httpapi.ReadModelStale, Detail: "An event of the account cannot be applied; the account is set aside until an operator has dealt with it.",
		Context: []httpapi.Member{
			httpapi.Number("demanded", demanded), httpapi.Number("position", fresh.Position),
			httpapi.Text("stale_since", fresh.StaleSince.UTC().Format(time.RFC3339Nano)),
		},
	}
}

// mayRead is the error of a read, or what the caller is told about an account of another.
func mayRead(ctx context.Context, a readmodel.Account, err error) error {
	if err != nil {
		return translate(err)
	}
	return httpapi.CallFrom(ctx).May(a.OwnerID)
}

// accountAlone is account for a read of nothing else. It looks before it waits: most often the account has come far enough,
// and there is nothing to wait for.
func (h *handlers) accountAlone(ctx context.Context, text string) (readmodel.Account, readmodel.Freshness, error) {
	id, err := httpapi.ParseID(text)
	if err != nil {
		return readmodel.Account{}, readmodel.Freshness{}, httpapi.NoSuchAccount()
	}
	demanded, err := httpapi.CallFrom(ctx).MinPosition()
	if err != nil {
		return readmodel.Account{}, readmodel.Freshness{}, err
	}
	a, fresh, err := h.reads.Account(ctx, id)
	early := (err == nil || errors.Is(err, readmodel.ErrNotFound)) && fresh.Position < demanded && fresh.StaleSince.IsZero()
	if early {
		if err := h.wait(ctx, readmodel.Balances); err != nil {
			return readmodel.Account{}, readmodel.Freshness{}, err
		}
		a, fresh, err = h.reads.Account(ctx, id)
	}
	return a, fresh, reached(ctx, fresh, mayRead(ctx, a, err))
}

// waitLeast lets a caller that does not want to wait at all still find out whether it must.
const waitLeast = 100 * time.Millisecond

// wait returns when the projections have reached the position that the caller demands, if it demands one.
func (h *handlers) wait(ctx context.Context, projections ...string) error {
	call := httpapi.CallFrom(ctx)
	position, err := call.MinPosition()
	if err != nil || position == 0 {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, max(call.Wait(), waitLeast))
	defer cancel()
	_, err = h.reads.WaitFor(limited, position, projections...)
	var stale readmodel.ErrStale
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stale):
		return tooStale(httpapi.Number("demanded", position), httpapi.Number("position", stale.Position))
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return tooStale(httpapi.Number("demanded", position))
	}
	return translate(err)
}

func tooStale(data ...httpapi.Member) error {
	return &httpapi.Error{Code: httpapi.ReadModelStale, Detail: "The demanded position was not reached in time.", Context: data}
}

// translate finds the table's kind for an error of the read models.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, readmodel.ErrNotFound):
		return httpapi.NoSuchAccount()
	case errors.Is(err, readmodel.ErrParked):
		return &httpapi.Error{Code: httpapi.ReadModelStale, Detail: "The account is set aside: its first event cannot be applied."}
	case errors.Is(err, readmodel.ErrOverloaded):
		return &httpapi.Error{Code: httpapi.Overloaded, Detail: "Too many reads are waiting."}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("read: %w", err)
}
