//go:build provider

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/internal/natstest"
	"passbook/internal/pgtest"
)

// provider is npm's oidc-provider, whose conformance others have certified, as a process of its own.
type provider struct {
	t      *testing.T
	issuer string
	orders io.Writer
	lines  *bufio.Scanner
}

// startProvider installs the pinned packages and starts the provider. Without node and npm the test fails: what it shows cannot be
// shown otherwise.
func startProvider(t *testing.T, algorithm string) *provider {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("this test runs npm's oidc-provider and needs node: %v", err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "oidc-provider"))); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("this test needs npm to install oidc-provider: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), node, "provider.mjs")
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "ALGORITHM="+algorithm), t.Output()
	orders, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	p := &provider{t: t, orders: orders, lines: bufio.NewScanner(out)}
	var hello struct{ Issuer string }
	p.read(&hello)
	p.issuer = hello.Issuer
	return p
}

func (p *provider) read(into any) {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("the provider ended: %v", p.lines.Err())
	}
	if err := json.Unmarshal(p.lines.Bytes(), into); err != nil {
		p.t.Fatalf("%s: %v", p.lines.Bytes(), err)
	}
}

// order has the provider change its keys and returns the ids of those it publishes afterwards, the signing one first.
func (p *provider) order(what string) (keys []string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.orders, what); err != nil {
		p.t.Fatal(err)
	}
	p.read(&keys)
	return keys
}

// token is got by the client-credentials grant, as a program gets it.
func (p *provider) token(ctx context.Context, client, scope, resource string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "resource": {resource}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(client), url.QueryEscape("secret of "+client))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("no token for %s: %s: %w", client, resp.Status, err)
	}
	return answer.Token, nil
}

const (
	bankResource  = "https://bank.test/"
	shortResource = "https://bank.test/short"
	tillScopes    = "accounts:write accounts:read audit:read"
)

// outside is a bank whose issuer is the provider.
type outside struct {
	*provider
	command, query string
}

func newOutside(t *testing.T, algorithm string) *outside {
	t.Helper()
	o := &outside{provider: startProvider(t, algorithm)}
	environ := []string{
		"DATABASE_URL=" + pgtest.New(t).URL, "NATS_URL=" + natstest.Start(t).URL, "HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0",
		"AUTH_ISSUER=" + o.issuer, "AUTH_ALGORITHMS=" + algorithm, "AUTH_KEYS_REFRESH=1s",
	}
	start(t, "projector", environ)
	command, query := start(t, "command-api", environ), start(t, "query-api", environ)
	o.command = "http://" + command.await(`listening.*service=command-api.*address=(\S+)`)[1]
	o.query = "http://" + query.await(`listening.*service=query-api.*address=(\S+)`)[1]
	return o
}

// call sends one request, without a second try, and returns its status and body.
func (o *outside) call(ctx context.Context, method, address, token, body string) (status int, answer map[string]any, position string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", uuid.NewString())
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	err = json.NewDecoder(resp.Body).Decode(&answer)
	return resp.StatusCode, answer, resp.Header.Get("Passbook-Position"), err
}

// use opens an account and reads the machinery's and the account's state with one token.
func (o *outside) use(ctx context.Context, token string) (account string, err error) {
	status, opened, _, err := o.call(ctx, http.MethodPost, o.command+"/v1/accounts", token, `{"owner_id": "o", "owner_name": "Olga Owner", "currency": "EUR"}`)
	if err != nil || status != http.StatusCreated {
		return "", fmt.Errorf("open: %d %v %w", status, opened, err)
	}
	status, list, _, err := o.call(ctx, http.MethodGet, o.query+"/v1/accounts?limit=1", token, "")
	if err != nil || status != http.StatusOK {
		return "", fmt.Errorf("read: %d %v %w", status, list, err)
	}
	return opened["account_id"].(string), nil
}

// A program gets a token from a certified provider by client credentials and uses both APIs; the events say who and with what; what
// the token does not allow is refused, and so is the token when it has expired.
func TestClientCredentialsOfAnOutsideIssuer(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"ES256", "PS256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			o := newOutside(t, algorithm)
			token := o.must(o.token(t.Context(), "till", tillScopes, bankResource))
			account := o.must(o.use(t.Context(), token))
			status, events, _, err := o.call(t.Context(), http.MethodGet, o.query+"/v1/accounts/"+account+"/events", token, "")
			if err != nil || status != http.StatusOK {
				t.Fatalf("events: %d %v %v", status, events, err)
			}
			metadata := events["data"].([]any)[0].(map[string]any)["metadata"].(map[string]any)
			if metadata["client"] != "till" || metadata["actor"] != "till" || metadata["address"] != "127.0.0.1" || metadata["user_agent"] == nil {
				t.Errorf("the event's metadata is %v", metadata)
			}

			reader := o.must(o.token(t.Context(), "reader", "accounts:read", bankResource))
			if status, answer, _, err := o.call(t.Context(), http.MethodPost, o.command+"/v1/accounts", reader, `{}`); status != http.StatusForbidden || err != nil {
				t.Errorf("a reader's command: %d %v %v", status, answer, err)
			}
			short := o.must(o.token(t.Context(), "reader", "accounts:read", shortResource))
			o.untilRefused(short, "The token has expired.")
		})
	}
}

func (p *provider) must(text string, err error) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// untilRefused uses a token that held until it does not any more.
func (o *outside) untilRefused(token, why string) {
	o.t.Helper()
	for late := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		status, answer, _, err := o.call(o.t.Context(), http.MethodGet, o.query+"/v1/accounts?limit=1", token, "")
		switch {
		case err == nil && status == http.StatusUnauthorized && answer["detail"] == why:
			return
		case err != nil || status != http.StatusOK || time.Now().After(late):
			o.t.Fatalf("%d %v %v, want it accepted, and then refused: %s", status, answer, err, why)
		}
	}
}

// The issuer's keys are rotated again and again while programs get tokens and use them at once: each of their requests goes through.
// What was signed with a key that is withdrawn is refused soon after.
func TestKeysRotateWhileRequestsRun(t *testing.T) {
	t.Parallel()
	const programs, rotations = 4, 6
	o := newOutside(t, "ES256")
	first := o.must(o.token(t.Context(), "till", tillScopes, bankResource))
	if _, err := o.use(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var done, failed atomic.Int64
	rounds := make(chan int)
	var wait sync.WaitGroup
	for program := range programs {
		wait.Go(func() {
			for ctx.Err() == nil {
				token, err := o.token(context.WithoutCancel(ctx), "till", tillScopes, bankResource)
				if err == nil {
					_, err = o.use(context.WithoutCancel(ctx), token)
				}
				if err != nil {
					t.Error(err)
					failed.Add(1)
				}
				done.Add(1)
				rounds <- program
			}
		})
	}
	for range rotations {
		o.order("rotate")
		var seen [programs]int // a token that a program had before is used up after its first round
		for slices.Min(seen[:]) < 2 {
			seen[<-rounds]++
		}
	}
	stop()
	go func() { wait.Wait(); close(rounds) }()
	for range rounds {
	}
	o.untilRefused(first, "The token does not verify.")
	t.Logf("%d rotations under %d programs: %d tokens, each used with both APIs, %d refused", rotations, programs, done.Load(), failed.Load())
}
