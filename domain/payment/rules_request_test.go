package payment_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/domain/payment"
)

func TestRequest(t *testing.T) {
	iban := func(account string) payment.Request {
		return with(func(r *payment.Request) { r.Creditor.Account = account })
	}
	then := func(change func(*payment.Requested)) []payment.Event {
		e := requested.(payment.Requested)
		change(&e)
		return history(e)
	}
	checkRules(t, []rule{
		{name: "is recorded", when: request, then: history(requested)},
		{name: "with as little as there can be", when: payment.Request{PaymentID: paymentID, AccountID: accountID, HoldID: holdID,
			Money: money.Money{Amount: 1, Currency: eur}, Creditor: payment.Creditor{Name: "x", Account: "y"}, Metadata: map[string]string{}},
			then: history(payment.Requested{PaymentID: paymentID, AccountID: accountID, HoldID: holdID, Amount: 1, Currency: eur,
				Creditor: payment.Creditor{Name: "x", Account: "y"}, Deadline: noon.Add(payment.DeadlineDefault)})},
		{name: "an IBAN in groups is recorded without them", when: iban("DE89 3704 0044 0532 0130 00"), then: history(requested)},
		{name: "the shortest IBAN", when: iban("NO9386011117947"), then: then(func(e *payment.Requested) { e.Creditor.Account = "NO9386011117947" })},
		{name: "one with letters", when: iban("MT84MALT011000012345MTLCAST001S"),
			then: then(func(e *payment.Requested) { e.Creditor.Account = "MT84MALT011000012345MTLCAST001S" })},
		{name: "an account that is no IBAN keeps its spaces", when: iban("12-34-56 12345678"),
			then: then(func(e *payment.Requested) { e.Creditor.Account = "12-34-56 12345678" })},
		{name: "a deadline is as precise as Postgres, in UTC", when: with(func(r *payment.Request) {
			r.Deadline = deadline.Add(1999).In(time.FixedZone("east", 3600))
		}), then: then(func(e *payment.Requested) { e.Deadline = deadline.Add(1000) })},
		{name: "a deadline as far ahead as can be", when: with(func(r *payment.Request) { r.Deadline = noon.Add(payment.DeadlineMax) }),
			then: then(func(e *payment.Requested) { e.Deadline = noon.Add(payment.DeadlineMax) })},

		{name: "said again", given: history(requested), when: request},
		{name: "said again without the deadline it was given", given: history(requested), when: with(func(r *payment.Request) { r.Deadline = time.Time{} })},
		{name: "said again when it is over, after its deadline", given: history(requested, timedOut), when: request, at: deadline.Add(1)},
		{name: "another amount under the same id", given: history(requested), when: with(func(r *payment.Request) { r.Money.Amount++ }), refused: payment.AlreadyRequested{}},
		{name: "another creditor", given: history(requested), when: with(func(r *payment.Request) { r.Creditor.Name = "x" }), refused: payment.AlreadyRequested{}},
		{name: "another hold", given: history(requested), when: with(func(r *payment.Request) { r.HoldID = uuid.UUID{1} }), refused: payment.AlreadyRequested{}},
		{name: "another deadline", given: history(requested), when: with(func(r *payment.Request) { r.Deadline = deadline.Add(time.Second) }), refused: payment.AlreadyRequested{}},
		{name: "other metadata", given: history(requested), when: with(func(r *payment.Request) { r.Metadata = nil }), refused: payment.AlreadyRequested{}},

		{name: "nothing", when: with(func(r *payment.Request) { r.Money.Amount = 0 }), refused: payment.AmountOutOfRange{Amount: 0, Min: 1, Max: money.MaxAmount}},
		{name: "too much", when: with(func(r *payment.Request) { r.Money.Amount = money.MaxAmount + 1 }),
			refused: payment.AmountOutOfRange{Amount: money.MaxAmount + 1, Min: 1, Max: money.MaxAmount}},
		{name: "a deadline that has come", when: with(func(r *payment.Request) { r.Deadline = noon }), refused: deadlineRefused},
		{name: "one too far ahead", when: with(func(r *payment.Request) { r.Deadline = noon.Add(payment.DeadlineMax + time.Microsecond) }), refused: deadlineRefused},
	})
}

var deadlineRefused = payment.InvalidField{Field: "deadline", Detail: "must lie in the next 30 days"}

// The form of each field. The fields before it are as they must be, so that the order shows.
func TestFormOfARequest(t *testing.T) {
	t.Parallel()
	text := func(shortest, longest string) string {
		return "must be " + shortest + " to " + longest + " characters of valid UTF-8 without NUL"
	}
	for _, tt := range []struct {
		name          string
		change        func(*payment.Request)
		field, detail string
	}{
		{"no payment id", func(r *payment.Request) { r.PaymentID, r.AccountID = uuid.Nil, uuid.Nil }, "payment_id", "must be a UUID other than zero"},
		{"no account id", func(r *payment.Request) { r.AccountID, r.HoldID = uuid.Nil, uuid.Nil }, "account_id", "must be a UUID other than zero"},
		{"no hold id", func(r *payment.Request) { r.HoldID, r.Money.Currency = uuid.Nil, money.Currency{} }, "hold_id", "must be a UUID other than zero"},
		{"no currency", func(r *payment.Request) { r.Money.Currency, r.Creditor.Name = money.Currency{}, "" }, "currency", "must be a currency"},
		{"no name", func(r *payment.Request) { r.Creditor = payment.Creditor{} }, "creditor/name", text("1", "140")},
		{"a long name", func(r *payment.Request) { r.Creditor.Name = strings.Repeat("é", 141) }, "creditor/name", text("1", "140")},
		{"no account", func(r *payment.Request) { r.Creditor.Account, r.Creditor.Agent = "", "x" }, "creditor/account", text("1", "64")},
		{"a long account", func(r *payment.Request) { r.Creditor.Account = strings.Repeat("1", 65) }, "creditor/account", text("1", "64")},
		{"a blank name", func(r *payment.Request) { r.Creditor.Name = " \t" }, "creditor/name", "must not be blank"},
		{"a blank account", func(r *payment.Request) { r.Creditor.Account = "  " }, "creditor/account", "must not be blank"},
		{"an IBAN with a digit wrong", func(r *payment.Request) { r.Creditor.Account = "DE89370400440532013001" }, "creditor/account", "looks like an IBAN, but its check digits are wrong"},
		{"with two digits exchanged", func(r *payment.Request) { r.Creditor.Account = "DE89 3704 0044 0532 0310 00" }, "creditor/account", "looks like an IBAN, but its check digits are wrong"},
		{"a short BIC", func(r *payment.Request) { r.Creditor.Agent = "COBADEF" }, "creditor/agent", "must be a BIC of 8 or 11 characters"},
		{"a BIC with digits for its country", func(r *payment.Request) { r.Creditor.Agent = "COBA12FF" }, "creditor/agent", "must be a BIC of 8 or 11 characters"},
		{"a BIC in lower case", func(r *payment.Request) { r.Creditor.Agent = "cobadeff" }, "creditor/agent", "must be a BIC of 8 or 11 characters"},
		{"a long reference", func(r *payment.Request) { r.Reference = strings.Repeat("x", 201) }, "reference", text("0", "200")},
		{"a NUL", func(r *payment.Request) { r.Reference, r.Metadata = "\x00", map[string]string{"": ""} }, "reference", text("0", "200")},
		{"a key of nothing", func(r *payment.Request) { r.Metadata, r.Money.Amount = map[string]string{"": ""}, 0 }, "metadata",
			"must have keys of 1 to 40 and values of at most 500 characters of valid UTF-8 without NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range []payment.State{{}, replay(requested), replay(requested, settled)} {
				_, err := payment.Decide(s, with(tt.change), noon)
				if want := (payment.InvalidField{Field: tt.field, Detail: tt.detail}); err != want { //nolint:errorlint // refusals are values
					t.Errorf("refused with %v, want %v", err, want)
				}
			}
		})
	}
}
