package passbookclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// BulkMax is how many items one bulk may have.
const BulkMax = 10_000

// BulkItem is one of many commands: the path and the body that it would have by itself.
type BulkItem struct {
	Path   string `json:"path"`
	Method string `json:"method,omitempty"`          // POST, if not given
	Key    string `json:"idempotency_key,omitempty"` // if not given, made of the bulk's and the index
	Body   any    `json:"body,omitempty"`
}

// BulkResult is what became of one item.
type BulkResult struct {
	Index    int             `json:"index"`
	Status   int             `json:"status"`
	Replayed bool            `json:"idempotent_replayed"`
	Body     json.RawMessage `json:"body"`
}

// Into decodes the answer to an accepted item into what the method for it alone returns. The error is a *Problem when the item
// was refused.
func (r *BulkResult) Into(out any) error {
	if r.Status/100 != 2 {
		return problemOf(r.Status, r.Body)
	}
	if err := json.Unmarshal(r.Body, out); err != nil {
		return fmt.Errorf("result of item %d: %w", r.Index, err)
	}
	return nil
}

// Bulk sends many commands at once, each by itself. It sends the whole again, under the same keys, while there are items of which the
// bank says that they may succeed later; those that have an answer keep it.
func (c *Client) Bulk(ctx context.Context, key string, items []BulkItem) ([]BulkResult, error) {
	began := time.Now()
	for tries := 1; ; tries++ {
		results, err := c.bulk(ctx, "independent", key, items)
		if err != nil || !anyMayPass(results) {
			return results, err
		}
		wait := c.wait(tries, nil)
		if time.Since(began)+wait > c.cfg.Patience {
			return results, fmt.Errorf("%w after %d tries of a bulk in %v", ErrPatience, tries, time.Since(began).Round(time.Millisecond))
		}
		if err := pause(ctx, wait); err != nil {
			return results, err
		}
	}
}

// BulkAtomic sends many commands of which all stand, or none. The error is a *Problem about the item that did not.
func (c *Client) BulkAtomic(ctx context.Context, key string, items []BulkItem) ([]BulkResult, error) {
	return c.bulk(ctx, "atomic", key, items)
}

func (c *Client) bulk(ctx context.Context, mode, key string, items []BulkItem) ([]BulkResult, error) {
	var answer struct {
		Data     []BulkResult `json:"data"`
		Position uint64       `json:"position"`
	}
	_, err := c.write(ctx, http.MethodPost, "/v1/bulk?mode="+mode, key, items, &answer)
	c.sawPosition(answer.Position)
	return answer.Data, err
}

func anyMayPass(results []BulkResult) bool {
	for i := range results {
		if results[i].Status >= 400 && mayPass(problemOf(results[i].Status, results[i].Body)) {
			return true
		}
	}
	return false
}
