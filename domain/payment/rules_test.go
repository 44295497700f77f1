package payment_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/domain/payment"
)

// rule is one line of the rule book: given what happened, when something is asked, then this follows, or it is refused.
// Neither then nor refused means that nothing follows.
type rule struct {
	name    string
	given   []payment.Event
	when    payment.Command
	at      time.Time // noon, unless given
	then    []payment.Event
	refused payment.Refusal
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	t.Parallel()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if r.at.IsZero() {
				r.at = noon
			}
			got, err := payment.Decide(replay(r.given...), r.when, r.at)
			var refusal payment.Refusal
			if err != nil && !errors.As(err, &refusal) {
				t.Fatalf("%T is no refusal: %v", err, err)
			}
			if refusal != r.refused {
				t.Errorf("refused with %#v, want %#v", refusal, r.refused)
			}
			if !reflect.DeepEqual(got, r.then) {
				t.Errorf("then %+v, want %+v", got, r.then)
			}
		})
	}
}

var (
	eur = money.MustCurrency("EUR")

	noon     = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	deadline = noon.Add(time.Hour)

	paymentID, accountID, holdID = uuid.UUID{0xB}, uuid.UUID{0xA}, uuid.UUID{0xC}

	creditor = payment.Creditor{Name: "Grace Hopper", Account: "DE89370400440532013000", Agent: "COBADEFF"}
)

// replay folds events that were all recorded at noon.
func replay(events ...payment.Event) payment.State {
	var s payment.State
	for _, e := range events {
		s = payment.Evolve(s, e, noon)
	}
	return s
}

func history(events ...payment.Event) []payment.Event { return events }

var request = payment.Request{PaymentID: paymentID, AccountID: accountID, HoldID: holdID, Money: money.Money{Amount: 500, Currency: eur},
	Creditor: creditor, Reference: "invoice 7", Metadata: map[string]string{"k": "v"}, Deadline: deadline}

// with is the request with something else about it.
func with(change func(*payment.Request)) payment.Request {
	r := request
	change(&r)
	return r
}

var requested payment.Event = payment.Requested{PaymentID: paymentID, AccountID: accountID, HoldID: holdID, Amount: 500, Currency: eur,
	Creditor: creditor, Reference: "invoice 7", Metadata: map[string]string{"k": "v"}, Deadline: deadline}

var (
	submitted payment.Event = payment.Submitted{GatewayReference: "G1"}
	settled   payment.Event = payment.Settled{GatewayReference: "G1"}
	rejected  payment.Event = payment.Rejected{Code: "AC04", Reason: "closed"}
	timedOut  payment.Event = payment.TimedOut{Deadline: deadline}
	cancelled payment.Event = payment.Cancelled{By: "op", Reason: "twice"}
	stuck     payment.Event = payment.MarkedStuck{Reason: "no answer"}
	pushed    payment.Event = payment.Pushed{By: "op", Reason: "go"}
)

var outcomes = map[payment.Status]payment.Event{
	payment.StatusSettled: settled, payment.StatusRejected: rejected, payment.StatusTimedOut: timedOut, payment.StatusCancelled: cancelled,
}
