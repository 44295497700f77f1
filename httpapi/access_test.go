package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/command"
	"passbook/domain/bank"
	"passbook/eventstore"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
	"passbook/internal/denials"
	"passbook/readmodel"
	"passbook/readmodel/broadcast"
	"passbook/webhook"
)

// closedBank takes no commands; who gets so far was let in.
type closedBank struct{}

func (closedBank) Admits(string) error { return nil }

func (closedBank) Execute(context.Context, command.Request) (command.Answer, error) {
	return command.Answer{}, command.ErrOverloaded
}

func (closedBank) Begin(context.Context, command.Request) (command.Pending, error) {
	return command.Pending{}, command.ErrOverloaded
}

func (closedBank) ExecuteAtomic(context.Context, []command.Request) ([]command.Answer, error) {
	return nil, command.ErrOverloaded
}

func (closedBank) Hold(context.Context, uuid.UUID) (uuid.UUID, error) {
	return uuid.Nil, command.ErrNotFound
}

func (closedBank) Transaction(context.Context, uuid.UUID) (bank.Original, error) {
	return bank.Original{}, command.ErrNotFound
}

func (closedBank) Payment(context.Context, uuid.UUID) (uuid.UUID, error) {
	return uuid.Nil, command.ErrNotFound
}

func (closedBank) Approval(context.Context, uuid.UUID) (command.Waiting, error) {
	return command.Waiting{}, command.ErrNotFound
}

// emptyBooks know no account.
type emptyBooks struct{}

func (emptyBooks) Account(context.Context, uuid.UUID) (readmodel.Account, readmodel.Freshness, error) {
	return readmodel.Account{}, readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) Accounts(context.Context, readmodel.AccountFilter) ([]readmodel.Account, bool, readmodel.Freshness, error) {
	return nil, false, readmodel.Freshness{}, nil
}

func (emptyBooks) BalanceAt(context.Context, uuid.UUID, time.Time, readmodel.Basis) (readmodel.BalanceAt, readmodel.Freshness, error) {
	return readmodel.BalanceAt{}, readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) DailyBalances(context.Context, uuid.UUID, time.Time, time.Time, readmodel.Basis) ([]readmodel.DayBalance, string, readmodel.Freshness, error) {
	return nil, "", readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) Timeline(context.Context, readmodel.TimelineFilter) ([]readmodel.TimelineRow, bool, readmodel.Freshness, error) {
	return nil, false, readmodel.Freshness{}, nil
}

func (emptyBooks) Events(context.Context, uuid.UUID, int64, int) ([]eventstore.Event, bool, error) {
	return nil, false, readmodel.ErrNotFound
}

func (emptyBooks) Transaction(context.Context, uuid.UUID) (readmodel.Transaction, readmodel.Freshness, error) {
	return readmodel.Transaction{}, readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) Hold(context.Context, uuid.UUID) (readmodel.Hold, readmodel.Freshness, error) {
	return readmodel.Hold{}, readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) HoldsOf(context.Context, readmodel.HoldFilter) ([]readmodel.Hold, bool, readmodel.Freshness, error) {
	return nil, false, readmodel.Freshness{}, nil
}

func (emptyBooks) Payment(context.Context, uuid.UUID) (readmodel.Payment, readmodel.Freshness, error) {
	return readmodel.Payment{}, readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) Payments(context.Context, readmodel.PaymentFilter) ([]readmodel.Payment, bool, readmodel.Freshness, error) {
	return nil, false, readmodel.Freshness{}, nil
}

func (emptyBooks) Approval(context.Context, uuid.UUID) (readmodel.Approval, readmodel.Freshness, error) {
	return readmodel.Approval{}, readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) Approvals(context.Context, readmodel.ApprovalFilter) ([]readmodel.Approval, bool, readmodel.Freshness, error) {
	return nil, false, readmodel.Freshness{}, nil
}

func (emptyBooks) TrialBalance(context.Context, *time.Time) (readmodel.TrialBalance, readmodel.Freshness, error) {
	return readmodel.TrialBalance{}, readmodel.Freshness{}, nil
}

func (emptyBooks) Owner(context.Context, string) (readmodel.Owner, readmodel.Freshness, error) {
	return readmodel.Owner{}, readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) Owners(context.Context, readmodel.OwnerFilter) ([]readmodel.Owner, bool, readmodel.Freshness, error) {
	return nil, false, readmodel.Freshness{}, nil
}

func (emptyBooks) Status(context.Context, ...string) (readmodel.Status, error) {
	return readmodel.Status{Relay: readmodel.Relay{State: readmodel.RelayUnknown}}, nil
}

func (emptyBooks) Explain(context.Context, uuid.UUID, int64, int) (readmodel.Explanation, readmodel.Freshness, error) {
	return readmodel.Explanation{}, readmodel.Freshness{}, readmodel.ErrNotFound
}

func (emptyBooks) Denials(context.Context, denials.Filter) ([]denials.Row, bool, error) {
	return nil, false, nil
}

func (emptyBooks) WaitFor(context.Context, int64, ...string) (readmodel.Freshness, error) {
	return readmodel.Freshness{}, nil
}

func (emptyBooks) Webhook(context.Context, string, uuid.UUID) (webhook.Subscription, error) {
	return webhook.Subscription{}, webhook.ErrNotFound
}

func (emptyBooks) Webhooks(context.Context, webhook.Filter) ([]webhook.Subscription, bool, error) {
	return nil, false, nil
}

func (emptyBooks) Deliveries(context.Context, webhook.DeliveryFilter) ([]webhook.Delivery, bool, error) {
	return nil, false, webhook.ErrNotFound
}

func (emptyBooks) Delivery(context.Context, string, uuid.UUID, uuid.UUID) (webhook.Delivery, []webhook.Attempt, error) {
	return webhook.Delivery{}, nil, webhook.ErrNoDelivery
}

// door is one API with its document.
type door struct {
	*httpapitest.Kit
	server http.Handler
}

func doors(t *testing.T) map[string]door {
	t.Helper()
	commands, queries := httpapitest.New(t, api.Command), httpapitest.New(t, api.Query)
	commandServer, err := commandapi.New(commands.Config(), commandapi.Limits{BulkTimeout: 50 * time.Millisecond}, closedBank{}, closedBank{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	queryServer, err := queryapi.New(queries.Config(), emptyBooks{}, queryapi.Streams{Broadcast: &broadcast.Broadcast{}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]door{"command": {commands, commandServer}, "query": {queries, queryServer}}
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	d := doors(t)["query"]
	token := d.Token(t, "reader", auth.AccountsRead)
	for header, want := range map[string]int{
		"Bearer " + token: 200, "bearer " + token: 200, "BEARER " + token: 200,
		token: 401, "Bearer": 401, "Bearer ": 401, "Bearer  " + token: 401, "Bearer " + token + " x": 401, "Bearer " + token + ",": 401,
		"Basic " + token: 401, "Bearer " + token[:len(token)-4] + "AAAA": 401, "Bearer " + strings.ToUpper(token): 401, "Bearer \xff": 401,
	} {
		answer := d.Do(t, d.server, httpapitest.Request{Method: "GET", Path: "/v1/accounts", Header: map[string]string{"Authorization": header}})
		if answer.Status != want {
			t.Errorf("%.30q: %d, want %d", header, answer.Status, want)
		}
		if want == 401 && !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), `Bearer realm="passbook", error="invalid_`) {
			t.Errorf("%.30q: WWW-Authenticate %q", header, answer.Header.Get("WWW-Authenticate"))
		}
	}
}

func TestDocumentIsServedToEverybody(t *testing.T) {
	t.Parallel()
	for name, d := range doors(t) {
		answer := d.Do(t, d.server, httpapitest.Request{Method: "GET", Path: "/openapi.json"})
		served := answer.JSON(t)
		if answer.Status != 200 || answer.Header.Get("Content-Type") != "application/json" || served["openapi"] != "3.1.0" {
			t.Errorf("%s: %d %v", name, answer.Status, answer.Header)
		}
		if len(served["paths"].(map[string]any)) != d.Spec.Paths.Len() {
			t.Errorf("%s: %d paths, want %d", name, len(served["paths"].(map[string]any)), d.Spec.Paths.Len())
		}
	}
}
