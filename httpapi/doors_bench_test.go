package httpapi

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi/auth"
)

// door is a document of one command.
const door = `
openapi: 3.0.3
info: {title: door, version: "1"}
paths:
  /v1/accounts/{account_id}/deposits:
    post:
      operationId: deposit
      parameters: [{name: account_id, in: path, required: true, schema: {type: string, format: uuid}}]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [amount, currency]
              properties:
                amount: {type: integer, minimum: 1}
                currency: {type: string, pattern: "^[A-Z]{3}$"}
                source: {type: string}
                reference: {type: string}
      responses: {"201": {description: fine}}
`

type doorBody struct {
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Source    string `json:"source"`
	Reference string `json:"reference"`
}

func (b *doorBody) Suspect() bool { return b.Amount == 0 || b.Currency == "" }

type teller struct{}

func (teller) Verify(context.Context, string) (*auth.Identity, error) { return nil, nil }

// BenchmarkDoors is what stands before a command, stage by stage, of a request that passes. What a token costs is BenchmarkVerify of package
// auth.
func BenchmarkDoors(b *testing.B) {
	s, err := NewServer("door", Config{Auth: teller{}, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}, []byte(door),
		func(r *Routes) {
			r.POST("/v1/accounts/:account_id/deposits", func(echo.Context) error { return nil })
		})
	if err != nil {
		b.Fatal(err)
	}
	route := s.routes[Route{Method: http.MethodPost, Path: "/v1/accounts/{account_id}/deposits"}]
	if route == nil {
		b.Fatal("no route")
	}
	body := []byte(`{"amount": 12550, "currency": "EUR", "source": "cash desk", "reference": "INV-2026-000123"}`)
	r, err := http.NewRequest(http.MethodPost, "/v1/accounts/"+uuid.NewString()+"/deposits", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.RemoteAddr, r.ContentLength = "203.0.113.7:4711", int64(len(body))
	for name, value := range map[string]string{
		"Authorization": "Bearer token", "Content-Type": "application/json", headerKey: "6f1c1c1e-pay-000123", headerRequestID: "req-42",
		headerTraceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", headerUserAgent: "bench/1", headerIfMatch: `"17"`,
	} {
		r.Header.Set(name, value)
	}
	call := &Call{Header: r.Header, route: route, Identity: auth.NewIdentity("https://issuer.example", "teller-7", auth.AccountsWrite)}
	stage := func(name string, passes func() bool) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !passes() {
					b.Fatal("refused")
				}
			}
		})
	}
	stage("authorisation", func() bool {
		_, err := route.rule.admit(call.Identity)
		return err == nil
	})
	stage("headers and address", func() bool {
		_, err1 := bearer(r.Header)
		_, err2 := call.IdempotencyKey()
		version, err3 := call.IfMatch(0)
		_, err4 := ParseID(r.URL.Path[len("/v1/accounts/") : len("/v1/accounts/")+36])
		return err1 == nil && err2 == nil && err3 == nil && err4 == nil && version == 17 && checkURL(r) == nil && call.checkQuery(r) == nil &&
			requestID(r.Header)[0] == "req-42" && traceparent(r.Header) != "" && call.UserAgent() != "" && s.cfg.Proxies.address(r) != ""
	})
	content := bytes.NewReader(body)
	r.Body = io.NopCloser(content)
	stage("body", func() bool {
		content.Reset(body)
		var target doorBody
		return call.Bind(r, &target) == nil && target.Amount == 12550
	})
}
