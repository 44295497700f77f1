package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Scope is a permission that a token carries.
type Scope string

// The scopes of both APIs.
const (
	AccountsWrite Scope = "accounts:write" // teller: every command
	AccountsRead  Scope = "accounts:read"  // every account's read models
	Own           Scope = "own"            // customer: accounts whose owner id is the token's subject
	AuditRead     Scope = "audit:read"     // raw events
	Operations    Scope = "operations"     // how the machinery is doing

	ApprovalsWrite Scope = "approvals:write" // the second person, for what one does not suffice for
	WebhooksWrite  Scope = "webhooks:write"  // subscriptions to what happens on every account
)

// Scopes lists them all.
func Scopes() []Scope {
	return []Scope{AccountsWrite, AccountsRead, Own, AuditRead, Operations, ApprovalsWrite, WebhooksWrite}
}

// Identity is who a verified token speaks for. It is shared between requests and never changed.
type Identity struct {
	Issuer  string
	Subject string
	Client  string // the program the token was issued to: azp, client_id or cid; "" when the token does not say
	Caller  string // issuer and subject in one, at most callerMax bytes: what idempotency keys belong to
	Expires time.Time
	scopes  []Scope
}

// Has reports whether the token carries the scope.
func (id *Identity) Has(scope Scope) bool { return slices.Contains(id.scopes, scope) }

// HasAny reports whether the token carries one of the scopes.
func (id *Identity) HasAny(scopes []Scope) bool { return slices.ContainsFunc(scopes, id.Has) }

const callerMax = 200

// callerOf joins issuer and subject. An issuer has no fragment, so no two pairs come out the same; long ones are hashed.
func callerOf(issuer, subject string) string {
	caller := issuer + "#" + subject
	if len(caller) <= callerMax {
		return caller
	}
	sum := sha256.Sum256([]byte(caller))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// known keeps the scopes that mean something here.
func known(granted []string) []Scope {
	var scopes []Scope
	for _, scope := range Scopes() {
		if slices.Contains(granted, string(scope)) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// granted reads the scopes as RFC 9068 writes them (scope, separated by spaces), or as others do (a list, or called scp).
func (c *claims) granted() []string { return slices.Concat(c.Scope, c.Scp) }

// NewIdentity makes the identity that a token of the issuer would have: for authenticators of another kind.
func NewIdentity(issuer, subject string, scopes ...Scope) *Identity {
	return &Identity{Issuer: issuer, Subject: subject, Caller: callerOf(issuer, subject), scopes: scopes}
}
