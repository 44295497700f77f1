package httpapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"passbook/httpapi/auth"
)

// Route is a method and a path as the OpenAPI documents write it.
type Route struct{ Method, Path string }

// Rule says which scopes a route asks for: one of Full lets the caller act on every account, auth.Own, where OwnToo, on
// accounts of its own.
type Rule struct {
	Full   []auth.Scope
	OwnToo bool
	Mine   []auth.Scope // with one of them a caller may see what it asked for itself, whoever's account it is about
	Public bool         // no token at all
}

var (
	write        = Rule{Full: []auth.Scope{auth.AccountsWrite}}
	writeOwn     = Rule{Full: []auth.Scope{auth.AccountsWrite}, OwnToo: true}
	operate      = Rule{Full: []auth.Scope{auth.Operations}}
	readOwn      = Rule{Full: []auth.Scope{auth.AccountsRead}, OwnToo: true}
	readPayments = Rule{Full: []auth.Scope{auth.AccountsRead, auth.Operations}, OwnToo: true} // an operator looks after those that are stuck
	readAudit    = Rule{Full: []auth.Scope{auth.AuditRead}}
	auditOwn     = Rule{Full: []auth.Scope{auth.AuditRead}, OwnToo: true}
	readOps      = Rule{Full: []auth.Scope{auth.Operations, auth.AccountsRead}}
	approve      = Rule{Full: []auth.Scope{auth.ApprovalsWrite}}
	subscribe    = Rule{Full: []auth.Scope{auth.WebhooksWrite}, OwnToo: true}
	readWebhooks = Rule{Full: []auth.Scope{auth.WebhooksWrite, auth.Operations}, OwnToo: true} // an operator looks after those that fail
	public       = Rule{Public: true}

	readApprovals = Rule{Full: []auth.Scope{auth.ApprovalsWrite, auth.AccountsRead, auth.AuditRead}, Mine: []auth.Scope{auth.AccountsWrite, auth.Own}}
)

// access is who may do what, for both APIs. A route that is not in it cannot be served.
var access = map[Route]Rule{
	{"POST", "/v1/accounts"}:                          write,
	{"PATCH", "/v1/accounts/{account_id}"}:            write,
	{"POST", "/v1/accounts/{account_id}/deposits"}:    write,
	{"POST", "/v1/accounts/{account_id}/withdrawals"}: writeOwn,
	{"POST", "/v1/accounts/{account_id}/fees"}:        write,
	{"POST", "/v1/accounts/{account_id}/interest"}:    write,
	{"POST", "/v1/accounts/{account_id}/freeze"}:      write,
	{"POST", "/v1/accounts/{account_id}/unfreeze"}:    write,
	{"POST", "/v1/accounts/{account_id}/close"}:       write,
	{"POST", "/v1/accounts/{account_id}/reopen"}:      write,

	{"POST", "/v1/accounts/{account_id}/holds"}: write,
	{"POST", "/v1/holds/{hold_id}/capture"}:     write,
	{"POST", "/v1/holds/{hold_id}/release"}:     write,
	{"POST", "/v1/holds/{hold_id}/extend"}:      write,

	{"POST", "/v1/transfers"}:                               writeOwn,
	{"POST", "/v1/transactions/{transaction_id}/reversals"}: write,
	{"POST", "/v1/payments"}:                                writeOwn,
	{"POST", "/v1/payments/{payment_id}/cancel"}:            operate,
	{"POST", "/v1/payments/{payment_id}/push"}:              operate,

	{"POST", "/v1/approvals/{approval_id}/approve"}: approve,
	{"POST", "/v1/approvals/{approval_id}/reject"}:  approve,

	{"POST", "/v1/bulk"}: {Full: []auth.Scope{auth.AccountsWrite, auth.ApprovalsWrite, auth.Operations}, OwnToo: true}, // each item is held to the rule of its own route

	{"POST", "/v1/webhooks"}:                     subscribe,
	{"PATCH", "/v1/webhooks/{webhook_id}"}:       subscribe,
	{"DELETE", "/v1/webhooks/{webhook_id}"}:      subscribe,
	{"POST", "/v1/webhooks/{webhook_id}/secret"}: subscribe,
	{"POST", "/v1/webhooks/{webhook_id}/test"}:   subscribe,
	{"POST", "/v1/webhooks/{webhook_id}/replay"}: subscribe,

	{"GET", "/v1/webhooks"}:                                       readWebhooks,
	{"GET", "/v1/webhooks/{webhook_id}"}:                          readWebhooks,
	{"GET", "/v1/webhooks/{webhook_id}/deliveries"}:               readWebhooks,
	{"GET", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}"}: readWebhooks,

	{"GET", "/v1/accounts"}:                       readOwn,
	{"GET", "/v1/accounts/{account_id}"}:          readOwn,
	{"GET", "/v1/accounts/{account_id}/balance"}:  readOwn,
	{"GET", "/v1/accounts/{account_id}/balances"}: readOwn,
	{"GET", "/v1/accounts/{account_id}/timeline"}: readOwn,
	{"GET", "/v1/accounts/{account_id}/events"}:   readAudit,
	{"GET", "/v1/accounts/{account_id}/explain"}:  auditOwn,
	{"GET", "/v1/accounts/{account_id}/holds"}:    readOwn,
	{"GET", "/v1/holds/{hold_id}"}:                readOwn,
	{"GET", "/v1/transactions/{transaction_id}"}:  readOwn,
	{"GET", "/v1/transfers/{transfer_id}"}:        readOwn,
	{"GET", "/v1/payments"}:                       readPayments,
	{"GET", "/v1/payments/{payment_id}"}:          readPayments,
	{"GET", "/v1/approvals"}:                      readApprovals,
	{"GET", "/v1/approvals/{approval_id}"}:        readApprovals,
	{"GET", "/v1/trial-balance"}:                  {Full: []auth.Scope{auth.AccountsRead, auth.AuditRead}},
	{"GET", "/v1/owners"}:                         readOwn,
	{"GET", "/v1/owners/{owner_id}"}:              readOwn,
	{"GET", "/v1/projections"}:                    readOps,
	{"GET", "/v1/stream"}:                         readOwn,
	{"GET", "/v1/audit/denials"}:                  readAudit,

	{"GET", "/openapi.json"}: public,
	{"GET", "/docs"}:         public,
}

// Access returns the rule of a route; ok is false when there is none.
func Access(r Route) (rule Rule, ok bool) {
	rule, ok = access[r]
	return rule, ok
}

// Ruled lists the routes that have a rule.
func Ruled() []Route { return slices.Collect(maps.Keys(access)) }

// Scopes lists the scopes of which one is needed.
func (r Rule) Scopes() []auth.Scope {
	scopes := append([]auth.Scope(nil), r.Full...)
	if r.OwnToo {
		scopes = append(scopes, auth.Own)
	}
	return append(scopes, r.Mine...)
}

// admit decides about a caller. ownedBy is the only owner whose accounts the caller may touch; "" means every account.
func (r Rule) admit(id *auth.Identity) (ownedBy string, err error) {
	switch {
	case id.HasAny(r.Full):
		return "", nil
	case r.OwnToo && id.Has(auth.Own), id.HasAny(r.Mine):
		return id.Subject, nil
	}
	return "", r.refusal()
}

func (r Rule) refusal() error {
	var names []string
	for _, scope := range r.Scopes() {
		names = append(names, string(scope))
	}
	return &Error{
		Code:      InsufficientScope,
		Detail:    fmt.Sprintf("This needs one of the scopes: %s.", strings.Join(names, ", ")),
		Challenge: fmt.Sprintf(`Bearer realm="passbook", error="insufficient_scope", scope="%s"`, strings.Join(names, " ")),
	}
}
