package account_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// rule is one line of the rule book: given what happened, when something is asked, then this follows, or it is refused.
// Neither then nor refused means that nothing follows.
type rule struct {
	name    string
	given   []account.Event
	when    account.Command
	at      time.Time // of the command; noon, when all before it was booked, if it is not said
	then    []account.Event
	refused account.Refusal
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	t.Parallel()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			at := r.at
			if at.IsZero() {
				at = noon
			}
			checkDecision(t, account.Replay(noon, r.given...), r.when, at, r.then, r.refused)
		})
	}
}

func checkDecision(t *testing.T, s account.State, when account.Command, at time.Time, then []account.Event, refused account.Refusal) {
	t.Helper()
	got, err := account.Decide(s, when, at)
	var refusal account.Refusal
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("%T is no refusal: %v", err, err)
	}
	if refusal != refused {
		t.Errorf("refused with %#v, want %#v", refusal, refused)
	}
	if !reflect.DeepEqual(got, then) {
		t.Errorf("then %+v, want %+v", got, then)
	}
}

var (
	eur = money.MustCurrency("EUR")
	usd = money.MustCurrency("USD")

	accountID = uuid.UUID{0xA}

	// noon is when everything is booked that has no time of its own.
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

// tx is the id of the nth transaction of a story.
func tx(n byte) uuid.UUID { return uuid.UUID{0xF, n} }

func euros(minor money.Amount) money.Money { return money.Money{Amount: minor, Currency: eur} }

// history is a story from its events.
func history(events ...account.Event) []account.Event { return events }

// opened begins a story: an account in euro with this overdraft limit.
func opened(limit money.Amount) account.Event {
	return account.Opened{AccountID: accountID, OwnerID: "owner-1", OwnerName: "Ada", Currency: eur, OverdraftLimit: limit,
		Metadata: map[string]string{"branch": "7"}}
}

// holding says that the first transaction brought the balance there.
func holding(balance money.Amount) account.Event { return holdingOf(balance, 0) }

// holdingOf says that the first transaction brought the balance there, with so much of it set aside.
func holdingOf(balance, held money.Amount) account.Event {
	return account.InterestCredited{TransactionID: tx(1), Amount: 1, Currency: eur, BalanceAfter: balance, HeldAfter: held}
}

func frozen(scope account.FreezeScope) account.Event {
	return account.Frozen{Reason: "court order", Scope: scope}
}

var closed account.Event = account.Closed{Reason: "moved abroad"}
