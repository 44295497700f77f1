package natsclearing

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/domain/payment"
)

var someID = uuid.MustParse("0198c0de-cafe-7000-8000-000000000001")

// FuzzAnswer takes anything for what a clearing house says. An answer that is taken is about the payment that was asked for, and what it
// asks of the payment can be recorded, whatever its texts are.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"payment_id":"` + someID.String() + `","status":"settled","gateway_reference":"g\u0000\ud800"}`, `{"payment_id":"` + someID.String() + `","status":"rejected","code":"AC04","reason":"closed"}`,
		`{"payment_id":"` + someID.String() + `","status":"accepted","unknown":{"a":[1]}}`, `{"status":"settled"}`, `{"error":"what?"}`, `{}`, `null`, `[]`, `{"payment_id":"x"}`, `{"payment_id":null,"status":"unknown"}`, "\xff",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	pending := payment.State{}
	events, err := payment.Decide(pending, payment.Request{PaymentID: someID, AccountID: someID, HoldID: someID, Money: money.Money{Amount: 5, Currency: money.MustCurrency("EUR")},
		Creditor: payment.Creditor{Name: "n", Account: "a"}, Deadline: at.Add(time.Hour)}, at)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range events {
		pending = payment.Evolve(pending, e, at)
	}
	f.Fuzz(func(t *testing.T, message []byte, asked bool) {
		said, err := read[answer](message)
		if err != nil {
			return
		}
		about := uuid.Nil
		if asked {
			about = someID
		}
		a, err := said.answer(about)
		if err != nil {
			return
		}
		if a.PaymentID == uuid.Nil || asked && a.PaymentID != someID {
			t.Fatalf("%s is taken as an answer about %s", message, a.PaymentID)
		}
		if again, err := read[answer](write(toAnswer(a))); err != nil || again.PaymentID != a.PaymentID || again.Status != a.Kind {
			t.Errorf("%s is written as %s", message, write(toAnswer(a)))
		}
		c := a.Command()
		if c == nil {
			return
		}
		events, err := payment.Decide(pending, c, at)
		if err != nil {
			t.Fatalf("%s asks for %+v, which is refused: %v", message, c, err)
		}
		for _, e := range events {
			kind, schema, data := payment.Encode(e)
			if back, err := payment.Decode(kind, schema, data); err != nil || !reflect.DeepEqual(back, e) || !utf8.Valid(data) {
				t.Errorf("%s is recorded as %s, which is read as %+v, %v", message, data, back, err)
			}
		}
	})
}

// FuzzSubmission takes anything for what a bank submits. What is taken is whole, and told on it is the same.
func FuzzSubmission(f *testing.F) {
	for _, seed := range []string{
		`{"payment_id":"` + someID.String() + `","amount":5,"currency":"EUR","creditor":{"name":"n","account":"a"},"settle_before":"2026-11-21T12:00:00Z"}`,
		`{"payment_id":"` + someID.String() + `","amount":5,"currency":"EUR","creditor":{"name":"n","account":"a","agent":"b"},"reference":"\u0000","settle_before":"0000-01-01T00:00:00+23:59"}`,
		`{"amount":9007199254740993}`, `{"currency":"XXX"}`, `{"settle_before":"9999-12-31T23:59:59.999999999-23:59"}`, `null`, `{}`, `[1]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if _, err := read[inquiry](message); err == nil && !json.Valid(message) {
			t.Errorf("%q is an inquiry", message)
		}
		if _, err := read[confirmation](message); err == nil && !json.Valid(message) {
			t.Errorf("%q is a confirmation", message)
		}
		s, err := read[submission](message)
		if err != nil || s.fault() != nil {
			return
		}
		in := s.instruction()
		if in.PaymentID == uuid.Nil || in.Money.Amount <= 0 || !in.Money.Amount.InRange() || in.SettleBefore.IsZero() {
			t.Errorf("%s is taken as %+v", message, in)
		}
		again, err := read[submission](write(toSubmission(in)))
		if err != nil {
			t.Fatalf("%s is told on as %s: %v", message, write(toSubmission(in)), err)
		}
		if told := again.instruction(); told.PaymentID != in.PaymentID || told.Money != in.Money || told.Creditor != in.Creditor || !told.SettleBefore.Equal(in.SettleBefore) {
			t.Errorf("%s is told on as %+v", message, told)
		}
	})
}
