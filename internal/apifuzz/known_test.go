package apifuzz

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/internal/banktest"
	"passbook/internal/localissuer"
)

// things are what requests are drawn from beside the documents: tokens, and what earlier answers named.
type things struct {
	now       time.Time
	tokens    map[string]string // by scope
	badTokens []string

	mu    sync.Mutex
	found map[string][]string // by kind, the latest
}

// customer is who the token of the scope own speaks for.
const customer = "customer-1"

func newThings(b *banktest.Bank) *things {
	k := &things{now: time.Now().UTC(), tokens: map[string]string{"own": b.Token(customer, "own")}, found: map[string][]string{}}
	for _, scope := range []string{"accounts:write", "accounts:read", "audit:read", "operations", "approvals:write", "webhooks:write"} {
		k.tokens[scope] = b.Token("staff-"+scope, scope)
	}
	expired := b.Sign(localissuer.TokenRequest{Subject: "s", Scopes: []string{"accounts:write", "accounts:read"}, TTL: -time.Hour})
	other := b.Sign(localissuer.TokenRequest{Subject: "s", Scopes: []string{"accounts:write", "accounts:read"}, Audience: "another"})
	head, payload, _ := strings.Cut(k.tokens["operations"], ".")
	payload, _, _ = strings.Cut(payload, ".")
	k.badTokens = []string{
		"", "twice", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer x", "Bearer a.b.c", "Bearer " + strings.Repeat("a", 9_000), "bearer\t" + k.tokens["operations"],
		"Bearer " + expired, "Bearer " + other, "Bearer " + head + "." + payload + ".", "Bearer " + k.tokens["operations"] + "A", "Bearer eyJhbGciOiJub25lIn0." + payload + ".", "\xff\xfe",
	}
	return k
}

// kinds are the names of ids in parameters, bodies and answers, and what they name.
var kinds = map[string]string{
	"account_id": "account", "source_account_id": "account", "target_account_id": "account", "hold_id": "hold", "transaction_id": "transaction",
	"transfer_id": "transaction", "payment_id": "payment", "approval_id": "approval", "webhook_id": "webhook", "delivery_id": "delivery", "next_cursor": "cursor", "cursor": "cursor",
}

const foundMax = 30 // of a kind; few, so that much happens to each

// learn takes up what an answer names.
func (k *things) learn(body []byte) {
	var value any
	if json.Unmarshal(body, &value) == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.walk(value)
	}
}

func (k *things) walk(value any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v[:min(len(v), 5)] {
			k.walk(item)
		}
	case map[string]any:
		for name, item := range v {
			id, isText := item.(string)
			if kind := kinds[name]; kind != "" && isText {
				k.keep(kind, id)
			}
			k.walk(item)
		}
	}
}

func (k *things) keep(kind, id string) {
	for _, known := range k.found[kind] {
		if known == id {
			return
		}
	}
	k.found[kind] = append(k.found[kind], id)
	if len(k.found[kind]) > foundMax {
		k.found[kind] = k.found[kind][1:]
	}
}

// one is one that was found, by a number that was drawn; "" when there is none.
func (k *things) one(kind string, n int) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.found[kind]) == 0 {
		return ""
	}
	return k.found[kind][n%len(k.found[kind])]
}

// id is that of a known thing of the kind, seldom of another kind or of nothing.
func (k *things) id(d *drawer, name string) string {
	kind, n := kinds[name], d.upTo(foundMax-1)
	switch d.upTo(20) {
	case 0:
		kind = ""
	case 1:
		kind = pick(d, []string{"account", "hold", "transaction", "payment", "approval", "webhook", "delivery"})
	}
	if id := k.one(kind, n); id != "" {
		return id
	}
	return uuid.NewSHA1(uuid.Nil, []byte(strconv.FormatUint(rapid.Uint64().Draw(d.t, "id"), 36))).String()
}

// named is a text for names that mean something; "" for others.
func (k *things) named(d *drawer, name string) string {
	switch name {
	case "owner_id":
		return pick(d, []string{customer, customer, "owner-1", "owner-2", "owner-3", "Žofie/ø?"})
	case "account":
		return pick(d, []string{"DE02120300000000202051", "ACC-1", "account 17"})
	case "url":
		return pick(d, []string{"https://example.com/hooks", "https://example.com/hooks", "https://93.184.216.34:8443/?a=b", "http://example.com/", "https://10.0.0.1/", "https://u:p@example.com/"})
	case "agent":
		return pick(d, []string{"BYLADEM1001", "BYLADEM1"})
	case "cursor":
		return k.one("cursor", d.upTo(foundMax-1))
	case "X-Request-Id":
		return pick(d, []string{"req-1", "ž", strings.Repeat("r", 128), strings.Repeat("r", 129)})
	}
	return ""
}
