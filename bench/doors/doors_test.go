package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	t.Parallel()
	rounds := []round{
		{perSecond: 3000, cpu: 100 * time.Microsecond, share: map[string]float64{"passbook/httpapi.(*Server).authenticate": 0.02, handler: 0.2, "net/http.(*conn).serve": 0.5}},
		{perSecond: 1000, cpu: 200 * time.Microsecond, share: map[string]float64{"passbook/httpapi.(*Server).authenticate": 0.01, handler: 0.1, "net/http.(*conn).serve": 0.4}},
		{perSecond: 2000, cpu: 300 * time.Microsecond, share: map[string]float64{"passbook/httpapi.(*Call).Bind": 0.03, "passbook/httpapi.(*Server).authenticate": 0.02, handler: 0.1, "net/http.(*conn).serve": 0.3}},
	}
	var b strings.Builder
	if err := write(&b, options{connections: 64, rounds: 3, seconds: 30}, rounds); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"64 connections, 3 rounds of 30 s", "second: 2000 (1000-3000)", "a request: 200.0 (100.0-300.0) µs", "| verification: the token | 2.00 (2.00-6.00) | 2.0 (1.0-2.0) % |",
		"| validation: the body, strictly | 0.00 (0.00-9.00) | 0.0 (0.0-3.0) % |", "| all of these | 2.00 (2.00-15.00) |", "included | 60.00 (30.00-60.00) | 30.0 (20.0-30.0) % |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
}
