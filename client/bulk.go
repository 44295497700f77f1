package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// BulkMax is how many items one bulk may have.
const BulkMax = 10_000

// Into decodes the answer to an accepted item into what the method for it alone returns. The error is a *Problem when the item
// was refused, and a *PendingApproval when it waits for a second person.
func (r *BulkItemResult) Into(out any) error {
	if err := r.refused(); err != nil {
		return err
	}
	if err := json.Unmarshal(r.Body, out); err != nil {
		return fmt.Errorf("result of item %d: %w", r.Index, err)
	}
	return nil
}

func (r *BulkItemResult) refused() error {
	if r.Status/100 == 2 {
		return pendingOf(r.Status, r.Body)
	}
	return problemOf(r.Status, r.Body)
}

func (r *BulkItemResult) mayPass() bool {
	return r.Status/100 != 2 && mayPass(r.refused())
}

// Bulk sends up to BulkMax commands at once, each by itself, and returns a result for each. It sends the whole again, under the same keys, while there are items
// of which the bank says that they may succeed later; those that have an answer keep it.
func (c *Client) Bulk(ctx context.Context, key string, items []BulkItem, options ...Option) ([]BulkItemResult, error) {
	p := c.newPatience()
	for {
		p.tries++
		results, err := c.bulk(ctx, "independent", key, items, options)
		passing := firstPassing(results)
		if err != nil || passing == nil {
			return results, err
		}
		if err := p.wait(ctx, passing); err != nil {
			return results, fmt.Errorf("bulk: %w", err)
		}
	}
}

// BulkAtomic sends up to BulkMax commands of which all stand, or none. The error is a *Problem about the item that did not.
func (c *Client) BulkAtomic(ctx context.Context, key string, items []BulkItem, options ...Option) ([]BulkItemResult, error) {
	return c.bulk(ctx, "atomic", key, items, options)
}

func (c *Client) bulk(ctx context.Context, mode, key string, items []BulkItem, options []Option) ([]BulkItemResult, error) {
	r := request{api: commands, method: http.MethodPost, path: "/v1/bulk", query: url.Values{"mode": {mode}}, key: key, keyed: true, body: items}
	answer, err := ask[BulkResult](ctx, c, r, options)
	c.Saw(uint64(max(answer.Position, 0)))
	return answer.Data, err
}

// firstPassing is the first refusal among the results that may pass.
func firstPassing(results []BulkItemResult) error {
	for i := range results {
		if results[i].mayPass() {
			return results[i].refused()
		}
	}
	return nil
}
