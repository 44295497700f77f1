package passbookclient_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/internal/passbookclient"
)

// Every command that is not about one account: where it goes and what it says.
func TestMovements(t *testing.T) {
	t.Parallel()
	other, five := uuid.MustParse("01980a52-7a40-7b52-8a1c-6d0e4c3b2a19"), money.Amount(5)
	at := time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)
	for want, call := range map[string]func(context.Context, *passbookclient.Client) error{
		`POST /v1/transfers {"source_account_id":"` + account.String() + `","target_account_id":"` + other.String() + `","amount":5,"currency":"EUR"}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.Transfer(ctx, "k", passbookclient.Transfer{SourceAccountID: account, TargetAccountID: other, Amount: 5, Currency: "EUR"})
			return err
		},
		`POST /v1/accounts/` + account.String() + `/holds {"amount":5,"currency":"EUR","expires_at":"2026-12-05T00:00:00Z"}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.PlaceHold(ctx, "k", account, passbookclient.Hold{Amount: 5, Currency: "EUR", ExpiresAt: at})
			return err
		},
		`POST /v1/holds/` + other.String() + `/capture {"amount":5,"final":true}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.CaptureHold(ctx, "k", other, passbookclient.Capture{Amount: &five, Final: true})
			return err
		},
		`POST /v1/holds/` + other.String() + `/release {}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.ReleaseHold(ctx, "k", other, "")
			return err
		},
		`POST /v1/holds/` + other.String() + `/extend {"expires_at":"2026-12-05T00:00:00Z"}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.ExtendHold(ctx, "k", other, at)
			return err
		},
		`POST /v1/transactions/` + other.String() + `/reversals {"amount":5,"reason":"why"}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.Reverse(ctx, "k", other, passbookclient.Reversal{Amount: &five, Reason: "why"})
			return err
		},
		`POST /v1/payments {"account_id":"` + account.String() + `","amount":5,"currency":"EUR","creditor":{"name":"Ada","account":"X"}}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.RequestPayment(ctx, "k", passbookclient.Payment{AccountID: account, Amount: 5, Currency: "EUR", Creditor: passbookclient.Creditor{Name: "Ada", Account: "X"}})
			return err
		},
		`POST /v1/payments/` + other.String() + `/cancel {"reason":"why"}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.CancelPayment(ctx, "k", other, "why")
			return err
		},
		`POST /v1/payments/` + other.String() + `/push {}`: func(ctx context.Context, c *passbookclient.Client) error {
			_, err := c.PushPayment(ctx, "k", other, "")
			return err
		},
	} {
		bank := &script{steps: []step{{status: 201, body: `{}`}}}
		if err := call(t.Context(), bank.client(t)); err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got := bank.seen[0].Method + " " + bank.seen[0].URL.Path + " " + bank.body[0]; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A bulk of which some items may succeed later is sent again as it was, until each has an answer that will not change.
func TestBulkIsSentUntilEachItemIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const busy = `{"data":[{"index":0,"status":201,"body":` + accepted + `},{"index":1,"status":503,"body":{"code":"overloaded","retryable":true}},{"index":2,"status":422,"body":{"code":"insufficient_funds"}}],"position":7}`
		done := strings.Replace(busy, `"status":503,"body":{"code":"overloaded","retryable":true}`, `"status":201,"body":`+accepted, 1)
		bank := &script{steps: []step{{status: 200, body: busy}, {status: 200, body: done}}}
		client := bank.client(t)
		results, err := client.Bulk(t.Context(), "k", []passbookclient.BulkItem{{Path: "/v1/x", Body: struct{}{}}, {Path: "/v1/y", Key: "mine"}, {Path: "/v1/z"}})
		if err != nil || len(bank.seen) != 2 || bank.body[0] != bank.body[1] || bank.seen[1].Header.Get("Idempotency-Key") != "k" {
			t.Fatalf("%v, %d requests, %s", err, len(bank.seen), bank.body)
		}
		if want := `[{"path":"/v1/x","body":{}},{"path":"/v1/y","idempotency_key":"mine"},{"path":"/v1/z"}]`; bank.body[0] != want {
			t.Errorf("body %s, want %s", bank.body[0], want)
		}
		var result passbookclient.Result
		if err := results[1].Into(&result); err != nil || result.Version != 17 {
			t.Errorf("%+v, %v", result, err)
		}
		problem := &passbookclient.Problem{}
		if err := results[2].Into(&result); !errors.As(err, &problem) || problem.Code != "insufficient_funds" || problem.Status != http.StatusUnprocessableEntity {
			t.Errorf("got %v", err)
		}
		if client.Position() != 7 {
			t.Errorf("position %d", client.Position())
		}
	})
}

func TestAtomicBulkThatIsRefused(t *testing.T) {
	t.Parallel()
	bank := &script{steps: []step{problem(422, "insufficient_funds", false)}}
	_, err := bank.client(t).BulkAtomic(t.Context(), "k", []passbookclient.BulkItem{{Path: "/v1/x", Body: struct{}{}}})
	refused := &passbookclient.Problem{}
	if !errors.As(err, &refused) || refused.Code != "insufficient_funds" || bank.seen[0].URL.String() != "http://command/v1/bulk?mode=atomic" {
		t.Errorf("%v, asked %s", err, bank.seen[0].URL)
	}
}
