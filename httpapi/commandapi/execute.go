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
	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/httpapi"
)

// order is a command on its way from its operation to the executor.
type order struct {
	accountID   uuid.UUID // of the command
	addressed   uuid.UUID // in the path; zero when the path names no account
	nowhere     bool      // the path names what cannot exist
	body        any       // as decoded, for the fingerprint
	effectiveAt time.Time
	command     account.Command
}

func (h *handlers) execute(ctx context.Context, call *httpapi.Call, o order) (*answer, error) {
	request, err := o.request(call)
	if err != nil {
		return nil, err
	}
	a, err := h.executor.Execute(ctx, request)
	if err != nil {
		return nil, translate(err)
	}
	_, opened := o.command.(account.Open)
	return &answer{Answer: a, opened: opened}, nil
}

// request is what the executor is asked on behalf of the caller.
func (o *order) request(call *httpapi.Call) (command.Request, error) {
	key, err := call.IdempotencyKey()
	if err != nil {
		return command.Request{}, err
	}
	if o.nowhere {
		return command.Request{}, httpapi.NoSuchAccount()
	}
	version, err := call.IfMatch(command.NoVersion)
	if err != nil {
		return command.Request{}, err
	}
	print, err := fingerprint(call.Route(), o.addressed, o.body)
	if err != nil {
		return command.Request{}, err
	}
	return command.Request{
		Caller: call.Identity.Caller, Key: key, Fingerprint: print,
		Path: call.Path, RequestID: call.RequestID, Traceparent: call.Traceparent,
		Client: call.Client(), Actor: call.Identity.Subject, OwnedBy: call.OwnedBy,
		IfVersion: version, EffectiveAt: o.effectiveAt, Command: bank.OnAccount{AccountID: o.accountID, Command: o.command},
	}, nil
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
