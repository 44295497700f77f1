package commandapi_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestFingerprintsAreAStorageFormat: fingerprints lie beside the answers for ever. A request whose fingerprint changed would
// be told that its key stands for another one.
func TestFingerprintsAreAStorageFormat(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.open("")
	id := uuid.MustParse(strings.TrimPrefix(path, "/v1/accounts/"))
	const none = `"effective_at":"0001-01-01T00:00:00Z"`
	for _, c := range []struct{ method, operation, body, canonical string }{
		{"POST", "/deposits", `{"source":"desk","currency":"EUR","amount":5}`, `{"amount":5,"currency":"EUR",` + none + `,"source":"desk"}`},
		{"POST", "/withdrawals", `{"currency":"EUR","amount":5}`, `{"amount":5,"currency":"EUR",` + none + `}`},
		{"POST", "/fees", `{"currency":"EUR","amount":5,"reason":"late"}`, `{"amount":5,"currency":"EUR",` + none + `,"reason":"late"}`},
		{"POST", "/interest", `{"amount":5,"currency":"EUR"}`, `{"amount":5,"currency":"EUR",` + none + `}`},
		{"POST", "/freeze", `{"reason":"a"}`, `{"reason":"a"}`},
		{"PATCH", "", `{"metadata":{"b":"2","a":"1"},"overdraft_limit":0}`, `{"metadata":{"a":"1","b":"2"},"overdraft_limit":0}`},
	} {
		if answer := r.do(c.method, path+c.operation, c.body); answer.Status >= 300 && answer.Status != 422 {
			t.Fatalf("%s: %d %s", c.operation, answer.Status, answer.Body)
		}
		want := sha256.Sum256([]byte(c.method + " /v1/accounts/{account_id}" + c.operation + "\x00" + string(id[:]) + c.canonical))
		if r.bank.last(t).Fingerprint != want {
			t.Errorf("%s %s: not the fingerprint of %s", c.operation, c.body, c.canonical)
		}
	}
}
