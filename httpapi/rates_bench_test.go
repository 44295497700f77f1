package httpapi

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi/auth"
	"passbook/httpapi/ratelimit"
)

// BenchmarkRates is what both limits add to a request: counting for caller and account, and telling how they stand.
func BenchmarkRates(b *testing.B) {
	wide := ratelimit.Policy{PerSecond: 1_000_000, Burst: 1_000_000}
	limits, err := newRates("bench", Rates{Subject: wide, Account: wide}, prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	call := Call{Identity: auth.NewIdentity("https://issuer.example", "teller"), route: &route{server: &Server{rates: limits}}, answer: http.Header{}}
	id := uuid.New()
	b.ReportAllocs()
	for b.Loop() {
		call.counted = counted{}
		if err := call.countRequest(); err != nil {
			b.Fatal(err)
		}
		if err := call.countAccount(id); err != nil {
			b.Fatal(err)
		}
		call.tellRates()
	}
}
