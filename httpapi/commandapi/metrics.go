package commandapi

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// bulkItems counts the items of bulks that were answered, by what became of them.
type bulkItems struct {
	accepted, refused, failed prometheus.Counter
}

func newBulkItems(registry prometheus.Registerer) (*bulkItems, error) {
	items := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "passbook_http_bulk_items_total",
		Help: "Items of bulk requests: accepted (2xx), refused (4xx), failed (5xx: not attempted, or unknown).",
	}, []string{"outcome"})
	if err := registry.Register(items); err != nil {
		return nil, fmt.Errorf("register metrics of bulk requests: %w", err)
	}
	return &bulkItems{items.WithLabelValues("accepted"), items.WithLabelValues("refused"), items.WithLabelValues("failed")}, nil
}

func (b *bulkItems) count(status int) {
	switch {
	case status < http.StatusMultipleChoices:
		b.accepted.Inc()
	case status < http.StatusInternalServerError:
		b.refused.Inc()
	default:
		b.failed.Inc()
	}
}
