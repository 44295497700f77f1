package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"passbook/client"
)

func result(index, status int, body string) string {
	return fmt.Sprintf(`{"index":%d,"status":%d,"idempotent_replayed":false,"body":%s}`, index, status, strings.ReplaceAll(body, "\n", "")) + "\n"
}

func items(n int) []client.BulkItem {
	all := make([]client.BulkItem, n)
	for i := range all {
		all[i] = client.DepositItem(account, client.Deposit{Amount: int64(i + 1), Currency: "EUR"})
	}
	return all
}

// keysOf are the keys of the items of a request.
func keysOf(t *testing.T, body string) (keys []string) {
	t.Helper()
	for line := range strings.Lines(body) {
		var item client.BulkItem
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, item.IdempotencyKey)
	}
	return keys
}

// Items without an answer that stands are sent again under their keys, the others are not.
func TestBulkStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy, refused := `{"status":503,"code":"overloaded","retryable":true}`, `{"status":422,"code":"insufficient_funds"}`
		bank := &script{steps: []step{
			{status: 0},
			{status: 200, body: result(0, 201, accepted) + result(1, 503, busy) + result(2, 422, refused)}, // and then it was cut
			{status: 200, body: result(0, 503, busy) + result(1, 201, accepted) + result(2, 201, accepted)},
			{status: 200, body: result(0, 201, accepted)},
		}}
		c := bank.client(t)
		statuses := map[int]int{}
		for r, err := range c.BulkStream(t.Context(), "b", slices.Values(items(5))) {
			if err != nil {
				t.Fatal(err)
			}
			var done client.CommandResult
			if err := r.Into(&done); err == nil != (r.Index != 2) || err != nil && !client.IsCode(err, client.ErrorCodeInsufficientFunds) {
				t.Errorf("item %d: %v", r.Index, err)
			}
			if statuses[r.Index] != 0 {
				t.Errorf("item %d has two results", r.Index)
			}
			statuses[r.Index] = r.Status
		}
		if got := fmt.Sprint(statuses); got != "map[0:201 1:201 2:422 3:201 4:201]" {
			t.Errorf("got %s", got)
		}
		var sent []string
		for _, body := range bank.body {
			sent = append(sent, strings.Join(keysOf(t, body), " "))
		}
		if want := []string{"b/0 b/1 b/2 b/3 b/4", "b/0 b/1 b/2 b/3 b/4", "b/1 b/3 b/4", "b/1"}; !slices.Equal(sent, want) {
			t.Errorf("sent %q", sent)
		}
		if c.Position() != 1250 {
			t.Errorf("position %d", c.Position())
		}
	})
}

// Many items go in many requests; a refusal of the whole ends it.
func TestBulkStreamInPortions(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{{status: 200}, {status: 200}, problem(401, "unauthenticated", false)}}
	for i := range 2 {
		for k := range 1000 {
			bank.steps[i].body += result(k, 201, accepted)
		}
	}
	results, ends := 0, 0
	for r, err := range bank.client(t).BulkStream(t.Context(), "b", slices.Values(items(2500))) {
		if err != nil {
			ends++
			if !client.IsCode(err, client.ErrorCodeUnauthenticated) {
				t.Error(err)
			}
			continue
		}
		if r.Index != results {
			t.Errorf("result %d is of item %d", results, r.Index)
		}
		results++
	}
	if results != 2000 || ends != 1 || len(bank.seen) != 3 || bank.seen[0].Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%d results, %d ends, %d requests", results, ends, len(bank.seen))
	}
	if keys := keysOf(t, bank.body[2]); len(keys) != 500 || keys[499] != "b/2499" {
		t.Errorf("%d items in the last request", len(keys))
	}
}

func TestBulkIsSentUntilNothingMayPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := func(statuses ...int) step {
			var all []string
			for i, status := range statuses {
				all = append(all, strings.TrimSpace(result(i, status, fmt.Sprintf(`{"code":"x","status":%d}`, status))))
			}
			return step{status: 200, body: `{"data":[` + strings.Join(all, ",") + `],"position":77}`}
		}
		bank := &script{steps: []step{answer(201, 503), answer(201, 422)}}
		c := bank.client(t)
		results, err := c.Bulk(t.Context(), "b", []client.BulkItem{
			client.DepositItem(account, deposit), client.ChangeSettingsItem(account, client.AccountSettings{OverdraftLimit: new(int64(5))}),
		})
		if err != nil || len(bank.seen) != 2 || results[1].Status != 422 || c.Position() != 77 || bank.seen[0].URL.RawQuery != "mode=independent" {
			t.Errorf("%+v, %v", results, err)
		}
		if !strings.Contains(bank.body[0], `"method":"PATCH"`) || !strings.Contains(bank.body[0], `"body":{"overdraft_limit":5}`) {
			t.Errorf("sent %s", bank.body[0])
		}
		bank.steps = []step{problem(http.StatusUnprocessableEntity, "insufficient_funds", false)}
		if _, err := c.BulkAtomic(t.Context(), "a", items(2)); !client.IsCode(err, client.ErrorCodeInsufficientFunds) {
			t.Error(err)
		}
	})
}
