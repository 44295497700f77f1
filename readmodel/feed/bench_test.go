package feed_test

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore/relay"
	"passbook/internal/lease"
	"passbook/readmodel"
)

// BenchmarkCommitToVisible is the lag of a bank at rest: one event is committed, the relay is told, and both projections
// have it.
func BenchmarkCommitToVisible(b *testing.B) {
	p := newPipeline(b, 1)
	r, err := relay.New(p.store, p.connect(), lease.New(p.commands, "relay", "r", 5*time.Second, quiet), relay.DefaultConfig(), quiet, prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	p.start(r.Run)
	config := readmodel.DefaultConfig()
	config.Holder = "p"
	p.untilStreamExists()
	p.start(p.engine(p.feed(p.connect(), feedConfig()), prometheus.NewRegistry(), config).Run)
	p.untilApplied(p.write(10))
	var lags []time.Duration
	for b.Loop() {
		head := p.write(1)
		committed := time.Now()
		r.Notify()
		p.untilVisible(head)
		lags = append(lags, time.Since(committed))
	}
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds()), "p99-µs")
}

// untilVisible looks without a pause.
func (p *pipeline) untilVisible(position int64) {
	p.t.Helper()
	for {
		var behind int
		err := p.projector.QueryRow(p.t.Context(), `SELECT count(*) FROM readmodel.checkpoints WHERE position < $1`, position).Scan(&behind)
		if err != nil {
			p.t.Fatal(err)
		}
		if behind == 0 {
			return
		}
	}
}

// BenchmarkStreamToRows is what the projections apply from a stream that is there already.
func BenchmarkStreamToRows(b *testing.B) {
	const events = 40_000
	p := newPipeline(b, 2)
	p.customers.AccountsMax, p.customers.Batch = 5_000, 2_000
	p.startRelay("r")
	p.untilStreamExists()
	p.write(events)
	p.within(time.Minute, "published", func() bool { return p.stream().CachedInfo().State.Msgs == events })
	config := readmodel.DefaultConfig()
	config.Holder, config.Poll = "p", time.Minute
	for b.Loop() {
		b.StopTimer()
		for _, statement := range []string{`DELETE FROM readmodel.timeline`, `DELETE FROM readmodel.balances`, `DELETE FROM readmodel.owners`,
			`DELETE FROM readmodel.checkpoints`} {
			if _, err := p.projector.Exec(b.Context(), statement); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		stop := p.start(p.engine(p.feed(p.connect(), feedConfig()), prometheus.NewRegistry(), config).Run)
		p.untilApplied(events)
		b.StopTimer()
		stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
