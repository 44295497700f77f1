package httpapi_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"passbook/api"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
)

// forger knows everything but the private keys of the issuer: beside, for the tokens that must hold, those, too.
type forger struct {
	t        *testing.T
	issuer   string
	rsa      *rsa.PrivateKey
	ec       *ecdsa.PrivateKey
	ed       ed25519.PrivateKey
	stranger ed25519.PrivateKey // of nobody here
}

func newForger(t *testing.T) *forger {
	t.Helper()
	f := &forger{t: t}
	var err1, err2, err3, err4 error
	f.rsa, err1 = rsa.GenerateKey(rand.Reader, 2048)
	f.ec, err2 = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, f.ed, err3 = ed25519.GenerateKey(rand.Reader)
	_, f.stranger, err4 = ed25519.GenerateKey(rand.Reader)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		t.Fatal(err1, err2, err3, err4)
	}
	public := func(key crypto.Signer, id string) jose.JSONWebKey {
		return jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig"}
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	f.issuer = server.URL
	for path, value := range map[string]any{
		"/.well-known/openid-configuration": map[string]any{"issuer": f.issuer, "jwks_uri": f.issuer + "/keys"},
		"/keys":                             jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public(f.rsa, "rsa"), public(f.ec, "ec"), public(f.ed, "ed")}},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(value)
		})
	}
	return f
}

// doors are both APIs behind a verifier of the issuer.
func (f *forger) doors() []door {
	f.t.Helper()
	v, err := auth.New(auth.Config{Issuer: f.issuer, Audience: "passbook", Log: slog.New(slog.DiscardHandler), Skew: auth.DefaultSkew})
	if err != nil {
		f.t.Fatal(err)
	}
	commands, queries := httpapitest.New(f.t, api.Command), httpapitest.New(f.t, api.Query)
	commands.Auth, queries.Auth = v, v
	commandServer, err1 := commandapi.New(commands.Config(), commandapi.Limits{BulkTimeout: 50 * time.Millisecond}, closedBank{}, closedBank{}, nil)
	queryServer, err2 := queryapi.New(queries.Config(), emptyBooks{}, queryapi.Streams{})
	if err1 != nil || err2 != nil {
		f.t.Fatal(err1, err2)
	}
	return []door{{commands, commandServer}, {queries, queryServer}}
}

// claims are those of a good token that may do everything, changed as the pairs say; nil leaves a claim out.
func (f *forger) claims(changes ...any) map[string]any {
	now := time.Now()
	c := map[string]any{
		"iss": f.issuer, "aud": "passbook", "sub": "teller", "scope": "accounts:write accounts:read", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for i := 0; i < len(changes); i += 2 {
		name := changes[i].(string)
		if c[name] = changes[i+1]; changes[i+1] == nil { //nolint:gosec // pairs
			delete(c, name)
		}
	}
	return c
}

func (f *forger) sign(alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	f.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// raw is a token of any header, payload and signature.
func raw(header, claims map[string]any, signature string) string {
	segment := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return segment(header) + "." + segment(claims) + "." + signature
}

// attack is one way to come in without a good token: the header lines that are sent, and what may be told.
type attack struct {
	name    string
	headers []string
	query   string
	status  int
}

func (f *forger) attacks() []attack {
	good := f.sign(jose.EdDSA, f.ed, "ed", f.claims())
	part := strings.Split(good, ".")
	der, err := x509.MarshalPKIXPublicKey(f.rsa.Public())
	if err != nil {
		f.t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	bearer := func(token string) []string { return []string{"Bearer " + token} }
	ed := func(changes ...any) []string { return bearer(f.sign(jose.EdDSA, f.ed, "ed", f.claims(changes...))) }
	return []attack{
		{"a good token, for comparison", bearer(good), "", 200},
		{"good by RS256", bearer(f.sign(jose.RS256, f.rsa, "rsa", f.claims())), "", 200},
		{"good by ES256", bearer(f.sign(jose.ES256, f.ec, "ec", f.claims())), "", 200},
		{"alg none", bearer(raw(map[string]any{"alg": "none"}, f.claims(), "")), "", 401},
		{"alg nOnE", bearer(raw(map[string]any{"alg": "nOnE", "kid": "ed"}, f.claims(), "")), "", 401},
		{"alg none, a real signature kept", bearer(raw(map[string]any{"alg": "none"}, f.claims(), part[2])), "", 401},
		{"no alg at all", bearer(raw(map[string]any{"kid": "ed"}, f.claims(), part[2])), "", 401},
		{"HS256 with the public key (PEM)", bearer(f.sign(jose.HS256, public, "rsa", f.claims())), "", 401},
		{"HS256 with the public key (DER)", bearer(f.sign(jose.HS256, der, "rsa", f.claims())), "", 401},
		{"HS256 with the public key (Ed25519, raw)", bearer(f.sign(jose.HS256, []byte(f.ed.Public().(ed25519.PublicKey)), "ed", f.claims())), "", 401},
		{"an algorithm that is not pinned (PS512)", bearer(f.sign(jose.PS512, f.rsa, "rsa", f.claims())), "", 401},
		{"wrong issuer", ed("iss", "https://elsewhere.example"), "", 401},
		{"no issuer", ed("iss", nil), "", 401},
		{"wrong audience", ed("aud", "another-api"), "", 401},
		{"no audience", ed("aud", nil), "", 401},
		{"wrong key under a good key id", bearer(f.sign(jose.EdDSA, f.stranger, "ed", f.claims())), "", 401},
		{"wrong key under an unknown key id", bearer(f.sign(jose.EdDSA, f.stranger, "mine", f.claims())), "", 401},
		{"key id of another key", bearer(f.sign(jose.EdDSA, f.ed, "rsa", f.claims())), "", 401},
		{"key sent along in the header", bearer(f.embedded()), "", 401},
		{"keys from an address of the attacker (jku)", bearer(raw(map[string]any{"alg": "EdDSA", "kid": "x", "jku": "http://127.0.0.1:1/keys"}, f.claims(), part[2])), "", 401},
		{"key id that is a path", bearer(raw(map[string]any{"alg": "EdDSA", "kid": "../../dev/null"}, f.claims(), part[2])), "", 401},
		{"key id that is SQL", bearer(raw(map[string]any{"alg": "EdDSA", "kid": "' OR 1=1 --"}, f.claims(), part[2])), "", 401},
		{"payload exchanged", bearer(raw(map[string]any{"alg": "EdDSA", "kid": "ed"}, f.claims("sub", "admin"), part[2])), "", 401},
		{"expired", ed("exp", in(-time.Second)), "", 401},
		{"never expires", ed("exp", nil), "", 401},
		{"not yet valid", ed("nbf", in(auth.DefaultSkew+time.Minute)), "", 401},
		{"issued in the future", ed("iat", in(auth.DefaultSkew+time.Minute)), "", 401},
		{"no subject", ed("sub", nil), "", 401},
		{"subject with a NUL", ed("sub", "teller\x00"), "", 401},
		{"subject that is a list", ed("sub", []string{"teller"}), "", 401},
		{"no scope that means anything", ed("scope", "ACCOUNTS:WRITE accounts:* admin root"), "", 403},
		{"8 KiB of token", bearer(good + strings.Repeat("A", 8<<10)), "", 401},
		{"60 KiB of token", bearer(strings.Repeat("A.", 30<<10)), "", 401},
		{"malformed: no dots", bearer("abc"), "", 401},
		{"malformed: only dots", bearer(".."), "", 401},
		{"malformed: five parts, as encrypted tokens have", bearer(good + ".a.b"), "", 401},
		{"malformed: padding", bearer(good + "=="), "", 401},
		{"malformed: not base64", bearer(part[0] + ".!!!." + part[2]), "", 401},
		{"malformed: a JSON serialisation", bearer(`{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`), "", 401},
		{"malformed: deep JSON in the payload", bearer(f.deep()), "", 401},
		{"several Authorization headers, a good one first", []string{"Bearer " + good, "Bearer x"}, "", 401},
		{"several Authorization headers, all good", []string{"Bearer " + good, "Bearer " + good}, "", 401},
		{"two tokens in one header", bearer(good + ", Bearer " + good), "", 401},
		{"two blanks", []string{"Bearer  " + good}, "", 401},
		{"a tabulator", []string{"Bearer\t" + good}, "", 401},
		{"no scheme", []string{good}, "", 401},
		{"scheme Basic", []string{"Basic " + good}, "", 401},
		{"scheme Token", []string{"Token " + good}, "", 401},
		{"scheme DPoP", []string{"DPoP " + good}, "", 401},
		{"scheme bearer, which is the same (RFC 9110)", []string{"bearer " + good}, "", 200},
		{"scheme bEaReR, too", []string{"bEaReR " + good}, "", 200},
		{"empty header", []string{""}, "", 401},
		{"nothing", nil, "", 401},
		{"token in the query string", nil, "access_token=" + good, 401},
		{"token in the query string, beside a header", bearer(good), "access_token=" + good, 400},
	}
}

// embedded is signed with the attacker's key, which it brings along.
func (f *forger) embedded() string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: f.stranger}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(f.claims()).Serialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// deep is a signed token whose payload nests as deep as its length allows.
func (f *forger) deep() string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: f.stranger}, (&jose.SignerOptions{}).WithHeader("kid", "ed"))
	if err != nil {
		f.t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{"a":` + strings.Repeat("[", 2500) + strings.Repeat("]", 2500) + `}`))
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// TestAttacksWithTokens tries every attack on a command and on a read, says what came of it, and wants no attack to be told what
// was wrong with its signature.
func TestAttacksWithTokens(t *testing.T) {
	t.Parallel()
	f := newForger(t)
	doors := f.doors()
	var table strings.Builder
	for _, a := range f.attacks() {
		command := f.try(doors[0], http.MethodPost, "/v1/transfers", a)
		query := f.try(doors[1], http.MethodGet, "/v1/accounts", a)
		fmt.Fprintf(&table, "%-52s command %d, read %d  %s\n", a.name, command.Status, query.Status, query.Problem.Detail)
		wantCommand := a.status
		if a.status == http.StatusOK {
			wantCommand = http.StatusServiceUnavailable // let in; the bank takes no commands
		}
		if command.Status != wantCommand || query.Status != a.status {
			t.Errorf("%s: command %d, read %d, want %d", a.name, command.Status, query.Status, a.status)
		}
		if a.status == http.StatusUnauthorized && query.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", a.name)
		}
	}
	t.Logf("\n%s", table.String())
}

func (f *forger) try(d door, method, path string, a attack) *httpapitest.Response {
	f.t.Helper()
	body := ""
	if method == http.MethodPost {
		body = `{"source_account_id":"` + uuid.NewString() + `","target_account_id":"` + uuid.NewString() + `","amount":100,"currency":"EUR"}`
	}
	req := httptest.NewRequest(method, path+"?"+a.query, strings.NewReader(body))
	req.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {uuid.NewString()}}
	if a.headers != nil {
		req.Header["Authorization"] = a.headers
	}
	before := maps.Clone(req.Header)
	answer := d.Send(f.t, d.server, req)
	for _, value := range before["Authorization"] {
		if token := value[strings.LastIndexByte(value, ' ')+1:]; len(token) > 20 && strings.Contains(string(answer.Body), token) {
			f.t.Errorf("%s: the answer repeats the token", a.name)
		}
	}
	return answer
}
