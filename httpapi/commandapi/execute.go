package commandapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/bank"
	"passbook/httpapi"
)

// order is a command on its way from its operation to the executor.
type order struct {
	addressed   uuid.UUID // in the path; zero when the path names nothing
	missing     error     // the path names what cannot exist
	body        any       // as decoded, for the fingerprint
	effectiveAt time.Time
	command     bank.Command
	find        func(context.Context, Finder) (bank.Command, error) // when command is nil
	waited      *command.Waiting                                    // what find has found of a command that waits for approval
}

func (h *handlers) execute(ctx context.Context, call *httpapi.Call, o order) (*answer, error) {
	request, err := h.request(ctx, call, o)
	if err != nil {
		return nil, err
	}
	a, err := h.executor.Execute(ctx, request)
	if err != nil {
		return nil, translate(err)
	}
	noteRefusal(call, request, a)
	return &answer{Answer: a, location: location(request.Command), dryRun: request.DryRun}, nil
}

// noteRefusal has a command that was refused, and not before, in the audit trail.
func noteRefusal(call *httpapi.Call, request command.Request, a command.Answer) {
	if a.Status >= 300 && !a.Replayed {
		call.NoteRefusal(a.Body, a.Status, bank.Principal(request.Command))
	}
}

// request is what the executor is asked on behalf of the caller.
func (h *handlers) request(ctx context.Context, call *httpapi.Call, o order) (command.Request, error) {
	var key string
	var err error
	if !call.DryRun {
		if key, err = call.IdempotencyKey(); err != nil {
			return command.Request{}, err
		}
	}
	if o.missing != nil {
		return command.Request{}, o.missing
	}
	version, err := call.IfMatch(command.NoVersion)
	if err != nil {
		return command.Request{}, err
	}
	print, err := fingerprint(call.Route(), o.addressed, o.body)
	if err != nil {
		return command.Request{}, err
	}
	if o.find != nil {
		if o.command, err = o.find(ctx, h.finder); err != nil {
			return command.Request{}, err
		}
	}
	if err := call.CountAccount(bank.Principal(o.command)); err != nil {
		return command.Request{}, err
	}
	request := command.Request{
		Caller: call.Identity.Caller, Key: key, Fingerprint: print,
		Path: call.Path, RequestID: call.RequestID, Traceparent: call.Traceparent,
		Client: call.Client(), UserAgent: call.UserAgent(), Address: call.Address, Actor: call.Identity.Subject, OwnedBy: call.OwnedBy,
		IfVersion: version, EffectiveAt: o.effectiveAt, Command: o.command, DryRun: call.DryRun,
	}
	if o.waited != nil {
		request.EffectiveAt, request.CausationID = o.waited.EffectiveAt, o.waited.Event.String()
	}
	return request, nil
}

// noSuch is the answer about what does not exist, and about what the caller may not see.
func noSuch(what string) error {
	return &httpapi.Error{Code: httpapi.NotFound, Detail: "no such " + what}
}

// notFound finds the table's kind for an error of the finder. Nothing has been done.
func notFound(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, command.ErrNotFound):
		return noSuch(what)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &httpapi.Error{Code: httpapi.Timeout, Detail: "Not done in time. Nothing was done.", Cause: err}
	}
	return &httpapi.Error{Code: httpapi.Maintenance, Detail: "The log is not available. Nothing was done.", Cause: err}
}

var prints = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// fingerprint tells requests apart by method, path and body. The body is the decoded one, encoded again, so that neither
// the order of names nor white space matters.
func fingerprint(r httpapi.Route, addressed uuid.UUID, body any) ([sha256.Size]byte, error) {
	buffer := prints.Get().(*bytes.Buffer)
	defer prints.Put(buffer)
	buffer.Reset()
	buffer.WriteString(r.Method)
	buffer.WriteByte(' ')
	buffer.WriteString(r.Path)
	buffer.WriteByte(0)
	buffer.Write(addressed[:])
	if err := json.MarshalWrite(buffer, body, json.Deterministic(true)); err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("fingerprint of %s %s: %w", r.Method, r.Path, err)
	}
	return sha256.Sum256(buffer.Bytes()), nil
}

// translate finds the table's kind for an error of the executor.
func translate(err error) error {
	var mismatch *command.VersionMismatch
	switch {
	case errors.As(err, &mismatch):
		return &httpapi.Error{
			Code:    httpapi.VersionMismatch,
			Detail:  fmt.Sprintf("The account is at version %d, not %d.", mismatch.Actual, mismatch.Expected),
			Context: []httpapi.Member{httpapi.Number("expected", mismatch.Expected), httpapi.Number("actual", mismatch.Actual)},
		}
	case errors.Is(err, command.ErrKeyInProgress):
		return &httpapi.Error{Code: httpapi.IdempotencyInProgress, Detail: "A request under this idempotency key is in progress."}
	case errors.Is(err, command.ErrKeyReused):
		return &httpapi.Error{Code: httpapi.IdempotencyKeyReused, Detail: "The idempotency key was used for another request."}
	case errors.Is(err, command.ErrOverloaded):
		return &httpapi.Error{Code: httpapi.Overloaded, Detail: "There is more to do than can be done in time. Nothing was done."}
	case errors.Is(err, command.ErrStopping):
		return &httpapi.Error{Code: httpapi.Maintenance, Detail: "The service is stopping. Nothing was done."}
	case errors.Is(err, command.ErrUnavailable):
		return &httpapi.Error{Code: httpapi.Maintenance, Detail: "The log is not available. Whether the command was done, the same key tells.", Cause: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &httpapi.Error{Code: httpapi.Timeout, Detail: "Not done in time. What became of the command, the same key tells.", Cause: err}
	}
	return fmt.Errorf("execute command: %w", err)
}
