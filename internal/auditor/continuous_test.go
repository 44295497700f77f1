package auditor_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/auditor"
)

// gauge returns a metric of a projection; of none for a counter.
func gauge(t *testing.T, registry *prometheus.Registry, name, projection string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (projection == "" || strings.Contains(m.String(), `value:"`+projection+`"`)) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

// Round after round it goes through all accounts in small steps, finds what is spoiled and, once that is mended, says so.
func TestContinuousVerification(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	registry := prometheus.NewRegistry()
	config := auditor.ContinuousConfig{Accounts: 7, Rate: 1_000_000, Share: 0, Rest: 10 * time.Millisecond}
	c := auditor.NewContinuous(f.admin, f.codec, config, slog.New(slog.DiscardHandler), registry)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	until := func(what string, holds func() bool) {
		t.Helper()
		deadline := time.NewTimer(time.Minute)
		defer deadline.Stop()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for !holds() {
			select {
			case <-tick.C:
			case <-deadline.C:
				t.Fatal("waited in vain: " + what)
			}
		}
	}
	rounds := func() float64 { return gauge(t, registry, "passbook_verify_rounds_total", "") }
	differences := func(of string) float64 { return gauge(t, registry, "passbook_verify_differences", of) }
	until("a round", func() bool { return rounds() >= 1 })
	if at := gauge(t, registry, "passbook_verify_position", "balances"); at != written || differences("timeline") != 0 || differences("log") != 0 {
		t.Errorf("verified at %v, differences %v and %v", at, differences("timeline"), differences("log"))
	}
	if n := gauge(t, registry, "passbook_verify_events_total", ""); n < written {
		t.Errorf("only %v events in a round", n)
	}
	for _, way := range []struct {
		sql  string
		want float64
	}{{`UPDATE readmodel.timeline SET balance = balance + 1 WHERE position IN (SELECT min(position) FROM readmodel.timeline UNION SELECT max(position) FROM readmodel.timeline)`, 2}, {`UPDATE readmodel.timeline SET balance = balance - 1 WHERE position IN (SELECT min(position) FROM readmodel.timeline UNION SELECT max(position) FROM readmodel.timeline)`, 0}} {
		if _, err := f.admin.Exec(t.Context(), way.sql); err != nil {
			t.Fatal(err)
		}
		after := rounds() + 2
		until("the differences are known", func() bool { return rounds() >= after && differences("timeline") == way.want })
	}
}
