package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// bulkItems is how many commands one bulk of the scenario has: as many as the bank takes.
const bulkItems = 10_000

// BulkMeasurement is what bulks came to, one after another over one connection, beside the same commands one by one.
type BulkMeasurement struct {
	Items    int     `json:"items"` // of each request
	Seconds  float64 `json:"seconds"`
	Accepted int64   `json:"accepted"`
	Failed   int64   `json:"failed"`
	Rate     float64 `json:"rate"`  // accepted commands a second
	Ratio    float64 `json:"ratio"` // of the rate to that of single requests
	Latency  Latency `json:"latency"`

	Bank     *BankCost     `json:"bank,omitempty"`
	Database *DatabaseCost `json:"database,omitempty"`
}

// driveBulks sends bulks for as long as the single requests were sent, each when the one before is answered. The commands are
// those that the next single requests would have been.
func (b *bench) driveBulks(ctx context.Context, singles *Measurement) (*BulkMeasurement, error) {
	b.note("%v of bulks of %d", b.cfg.Duration, bulkItems)
	m, latencies := &BulkMeasurement{Items: bulkItems}, newHistogram()
	w := b.workers[0]
	var lines []byte
	start := time.Now()
	before := b.sample(ctx, start, 0)
	for time.Since(start) < b.cfg.Duration || m.Accepted == 0 {
		lines = lines[:0]
		for i := range uint64(bulkItems) {
			op := b.mix.operation(b.sent + i)
			lines = b.commands[w.lane].item(lines, op.kind, b.population.id(op.account), op.amount)
		}
		w.key = strconv.AppendUint(append(w.key[:0], b.keyPrefix...), b.sent, 10)
		w.request = b.commands[w.lane].bulk(w.request[:0], w.key, lines)
		b.sent += bulkItems
		sent := time.Now()
		if err := w.command.Do(ctx, w.request, &w.answer); err != nil {
			return nil, fmt.Errorf("bulk: %w", err)
		}
		latencies.record(time.Since(sent))
		if err := b.readBulk(w, m); err != nil {
			return nil, fmt.Errorf("bulk: %w", err)
		}
	}
	after := b.sample(ctx, start, 0)
	m.Seconds, m.Latency = time.Since(start).Seconds(), latencies.summary()
	m.Rate = float64(m.Accepted) / m.Seconds
	m.Ratio = m.Rate / singles.Rate
	m.Bank, m.Database = bankCost(before, after, m.Accepted), databaseCost(before, after, m.Accepted)
	return m, ctx.Err()
}

// readBulk counts the results of a bulk and notes the acknowledged ones under their keys.
func (b *bench) readBulk(w *worker, m *BulkMeasurement) error {
	if w.answer.Status != 200 {
		return fmt.Errorf("answered with %d %.300s", w.answer.Status, w.answer.Body)
	}
	results, key := 0, append(append([]byte(nil), w.key...), '/')
	for line := range bytes.Lines(w.answer.Body) {
		var result struct {
			Index, Status int
			Body          struct{ Position int64 }
		}
		if err := json.Unmarshal(line, &result); err != nil {
			return fmt.Errorf("result %d: %w", results, err)
		}
		results++
		if result.Status/100 != 2 {
			m.Failed++
			continue
		}
		m.Accepted++
		b.acks.add(strconv.AppendInt(key, int64(result.Index), 10), result.Body.Position)
	}
	if results != bulkItems {
		return fmt.Errorf("%d results of %d items", results, bulkItems)
	}
	return nil
}

func (m *BulkMeasurement) write(t *text) {
	t.line("bulk", "%.1f/s accepted in requests of %d, %.2f times the rate of single requests", m.Rate, m.Items, m.Ratio)
	t.line("", "%d requests, %d accepted, %d failed", m.Latency.Count, m.Accepted, m.Failed)
	t.latency("  request", m.Latency)
	if m.Bank != nil {
		t.line("  bank's cost", "%.1f us of processor an accepted command, %.2f cores", m.Bank.ProcessorMicros, m.Bank.Cores)
	}
	if m.Database != nil {
		t.line("  database", "%.0f bytes of WAL and %.0f bytes on disk an accepted command", m.Database.WALBytes, m.Database.DiskBytes)
	}
}
