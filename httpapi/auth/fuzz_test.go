package auth

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzClaims holds what is taken of a signed token's claims against a reading of them that shares no code with it.
func FuzzClaims(f *testing.F) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{
		`{"sub":"a","exp":1795262401,"scope":"own accounts:read"}`, `{"sub":"a","exp":1795262400}`, `{"sub":"a","exp":1795262400.5,"scp":["own"]}`, `{"sub":"","exp":2e9}`,
		`{"sub":"a","exp":1e300}`, `{"sub":"a","exp":null}`, `{"sub":"a","exp":"2000000000"}`, `{"sub":"a","exp":2e9,"nbf":1795262430,"iat":1795262431}`, `{"sub":"a","exp":2e9,"cnf":{}}`,
		`{"sub":"a","exp":2e9,"cnf":null}`, `{"sub":"a\u0000","exp":2e9}`, `{"sub":"\ud800","exp":2e9}`, `{"SUB":"a","Exp":2e9}`, `{"sub":"a","sub":"b","exp":2e9,"exp":1}`,
		`{"sub":"a","exp":2e9,"scope":"accounts:write\u00a0own","scp":"operations"}`, `{"sub":"a","exp":-1}`, `[]`, `null`, `{"sub":"` + strings.Repeat("x", 256) + `","exp":2e9}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var c claims
		if json.Unmarshal(payload, &c) != nil || c.check(now, 30*time.Second) != nil {
			return
		}
		var said struct {
			Exp, Nbf, Iat *float64
			Cnf           any
		}
		if err := json.Unmarshal(payload, &said); err != nil {
			t.Fatalf("%s is taken: %v", payload, err)
		}
		at := float64(now.UnixMilli()) / 1000
		if said.Exp == nil || *said.Exp <= at || *said.Exp > latest {
			t.Errorf("%s is taken at %v", payload, at)
		}
		if said.Nbf != nil && *said.Nbf > at+30.001 || said.Iat != nil && *said.Iat > at+30.001 {
			t.Errorf("%s of the future is taken at %v", payload, at)
		}
		if said.Cnf != nil {
			t.Errorf("%s is bound to a key and is taken", payload)
		}
		if c.Subject == "" || len(c.Subject) > 255 || !utf8.ValidString(c.Subject) || strings.Contains(c.Subject, "\x00") {
			t.Errorf("%s: subject %q", payload, c.Subject)
		}
		scopes := known(c.granted())
		for _, scope := range scopes {
			if !strings.Contains(string(payload), `\u`) && !strings.Contains(string(payload), string(scope)) {
				t.Errorf("%s grants %s, which it does not say", payload, scope)
			}
		}
		if sorted := slices.Compact(slices.Sorted(slices.Values(scopes))); len(sorted) != len(scopes) {
			t.Errorf("%s grants %v", payload, scopes)
		}
		if caller := callerOf("https://issuer.example", c.Subject); caller == "" || len(caller) > callerMax {
			t.Errorf("%s: caller %q", payload, caller)
		}
	})
}
