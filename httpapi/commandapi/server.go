// Package commandapi is the HTTP side of the write path: it turns requests into commands, and outcomes into the bytes that
// clients get and that are replayed to them.
//
// The types of the bodies are generated from api/command.yaml. What all requests have in common is examined in
// package httpapi before a handler runs; what an account permits is decided by its rules. Left to this package: ids, value
// dates and currencies, the fingerprint that tells requests under the same key apart, and the answers.
package commandapi

import (
	"context"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/command"
	"passbook/domain/bank"
	"passbook/httpapi"
)

//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -config oapi-codegen.yaml ../../api/command.yaml

// Executor decides and commits commands; see command.Processor.
type Executor interface {
	Admits(caller string) error
	Execute(context.Context, command.Request) (command.Answer, error)
	Begin(context.Context, command.Request) (command.Pending, error)
	ExecuteAtomic(context.Context, []command.Request) ([]command.Answer, error)
}

// Finder finds what a request names by an id that is not an account's; see command.Finder.
type Finder interface {
	Hold(ctx context.Context, id uuid.UUID) (accountID uuid.UUID, err error)
	Transaction(ctx context.Context, id uuid.UUID) (bank.Original, error)
	Payment(ctx context.Context, id uuid.UUID) (accountID uuid.UUID, err error)
	Approval(ctx context.Context, id uuid.UUID) (command.Waiting, error)
}

// handlers serve the operations.
type handlers struct {
	executor Executor
	finder   Finder
	webhooks Webhooks // nil: there are none
	limits   Limits
	bulks    chan struct{} // has a place for each bulk request that is served
	items    *bulkItems
}

// New makes the server of the command API. The executor must answer with what Render made. Without webhooks there are none.
func New(cfg httpapi.Config, limits Limits, executor Executor, finder Finder, webhooks Webhooks) (*httpapi.Server, error) {
	limits = limits.withDefaults()
	items, err := newBulkItems(cfg.Metrics)
	if err != nil {
		return nil, err
	}
	h := &handlers{executor: executor, finder: finder, webhooks: webhooks, limits: limits, bulks: make(chan struct{}, limits.BulkMax), items: items}
	cfg.Admit = func(call *httpapi.Call) error {
		if err := executor.Admits(call.Identity.Caller); err != nil {
			return translate(err)
		}
		return nil
	}
	return httpapi.NewServer("command", cfg, api.Command, func(r *httpapi.Routes) {
		for _, op := range operations {
			r.Handle(op.route, h.serve(op))
		}
		h.registerWebhooks(r)
		r.HandleWithin(httpapi.Limits{Body: bulkBodyMax, Timeout: limits.BulkTimeout}, bulkRoute, h.serveBulk)
	})
}
