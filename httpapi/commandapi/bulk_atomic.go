package commandapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"

	"passbook/command"
	"passbook/httpapi"
)

// atomically executes all items or none. Its answer is known before the first byte of it is written.
func (h *handlers) atomically(ctx context.Context, b *bulk, w http.ResponseWriter) error {
	requests, calls := make([]command.Request, len(b.items)), make([]*httpapi.Call, len(b.items))
	for i := range b.items {
		p, err := b.part(ctx, i)
		if err != nil {
			return b.undone(ctx, p.call, i, err)
		}
		requests[i], calls[i] = p.request, p.call
	}
	answers, err := h.executor.ExecuteAtomic(ctx, requests)
	var undone *command.Undone
	switch {
	case errors.As(err, &undone) && undone.Err != nil:
		return b.undone(ctx, calls[undone.Index], undone.Index, translate(undone.Err))
	case errors.As(err, &undone):
		noteRefusal(calls[undone.Index], requests[undone.Index], undone.Answer)
		return b.refused(undone.Index, undone.Answer.Body)
	case errors.Is(err, command.ErrGroupTooLarge):
		return &httpapi.Error{Code: httpapi.PayloadTooLarge, Detail: "The items make more events than can be stored in one step. Nothing was done."}
	case err != nil:
		return translate(err)
	}
	return b.writeAll(w, answers)
}

// writeAll writes the results of an atomic bulk.
func (b *bulk) writeAll(w http.ResponseWriter, answers []command.Answer) error {
	r := b.newResults(w)
	for _, a := range answers {
		r.position = max(r.position, a.Position)
	}
	if !b.call.DryRun {
		w.Header()["Passbook-Position"] = []string{strconv.FormatInt(r.position, 10)}
	}
	r.begin()
	for _, a := range answers {
		r.add(a.Status, a.Replayed, a.Body, a.Position)
	}
	return r.end()
}

// undone tells that an item could not be, and so none of them.
func (b *bulk) undone(ctx context.Context, item *httpapi.Call, index int, err error) error {
	body, problem, _ := item.Problem(ctx, err)
	whole := b.refused(index, body)
	whole.Challenge = problem.Challenge
	return whole
}

// refused makes the error of the bulk from the problem of the item that undid it.
func (b *bulk) refused(index int, problem []byte) *httpapi.Error {
	var item struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(problem, &item); err != nil {
		return &httpapi.Error{Code: httpapi.InternalError, Cause: fmt.Errorf("the problem of item %d: %w", index, err)}
	}
	return &httpapi.Error{
		Code:    item.Code,
		Detail:  fmt.Sprintf("Item %d is refused, and with it the whole bulk: nothing was done. Its reason: %s", index, item.Detail),
		Context: []httpapi.Member{httpapi.Number("failed_index", index), httpapi.Number("items", len(b.items))},
		Item:    problem,
	}
}
