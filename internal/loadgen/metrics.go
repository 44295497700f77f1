package loadgen

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// opsReader reads the metrics of the bank's processes.
type opsReader struct {
	urls   []string
	client *http.Client
}

// opsSample is what the metrics say, summed up over the processes.
type opsSample struct {
	version          string // of the first
	processorSeconds float64
	residentBytes    int64
}

const opsTimeout = 2 * time.Second

func newOpsReader(urls []string) *opsReader {
	return &opsReader{urls, &http.Client{Timeout: opsTimeout, Transport: &http.Transport{}}}
}

func (r *opsReader) close() { r.client.CloseIdleConnections() }

// read returns nil when not all of them answer: a sum of some would be taken for that of all.
func (r *opsReader) read(ctx context.Context) *opsSample {
	var sum *opsSample
	for _, url := range r.urls {
		one := r.readOne(ctx, strings.TrimRight(url, "/")+"/metrics")
		switch {
		case one == nil:
			return nil
		case sum == nil:
			sum = one
		default:
			sum.processorSeconds += one.processorSeconds
			sum.residentBytes += one.residentBytes
		}
	}
	return sum
}

func (r *opsReader) readOne(ctx context.Context, url string) *opsSample {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil
	}
	return parseMetrics(answer.Body)
}

// parseMetrics reads the few lines of Prometheus' text format that matter here.
func parseMetrics(r io.Reader) *opsSample {
	var s opsSample
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, _ := strconv.ParseFloat(text, 64) // of no other line than the two below
		switch {
		case name == "process_cpu_seconds_total":
			s.processorSeconds = value
		case name == "process_resident_memory_bytes":
			s.residentBytes = int64(value)
		case strings.HasPrefix(name, "passbook_build_info{"):
			_, rest, _ := strings.Cut(name, `,version="`)
			s.version, _, _ = strings.Cut(rest, `"`)
		}
	}
	return &s
}
