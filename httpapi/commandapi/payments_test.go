package commandapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	banking "passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/httpapi/auth"
)

func paymentBody(account string, amount int, more string) string {
	return fmt.Sprintf(`{"account_id":%q,"amount":%d,"currency":"EUR","creditor":{"name":"Ada","account":"DE02120300000000202051"}%s}`, idOf(account), amount, more)
}

func TestPayments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.openFor("ada", "EUR", 1000)
	operator := r.Token(t, "op-1", auth.Operations)
	answer := r.want(r.as(r.Token(t, "ada", auth.Own), "POST", "/v1/payments", paymentBody(path, 400, `,"reference":"INV"`)), 202, "")
	got := answer.JSON(t)
	id := got["payment_id"].(string)
	members(t, got, map[string]any{"status": "requested", "stuck": false, "account_id": idOf(path), "amount": 400, "currency": "EUR"})
	members(t, got["account"].(map[string]any), map[string]any{"balance": 1000, "held": 400, "available": 600})
	if answer.Header.Get("Location") != "/v1/payments/"+id || answer.Header.Get("Etag") != `"3"` {
		t.Errorf("headers %v", answer.Header)
	}
	c := r.bank.last(t).Command.(banking.OnPayment).Command.(payment.Request)
	if c.Creditor != (payment.Creditor{Name: "Ada", Account: "DE02120300000000202051"}) || c.Reference != "INV" || c.Money.Amount != 400 {
		t.Errorf("command %+v", c)
	}
	held := r.want(r.do("POST", "/v1/holds/"+got["hold_id"].(string)+"/release", ""), 422, "hold_of_payment").Problem
	members(t, held.Context, map[string]any{"payment_id": id})

	at := "/v1/payments/" + id
	r.want(r.do("POST", at+"/cancel", ""), 403, "insufficient_scope")
	r.want(r.as(operator, "POST", at+"/push", ""), 200, "")
	got = r.want(r.as(operator, "POST", at+"/cancel", `{"reason":"asked to"}`), 200, "").JSON(t)
	members(t, got, map[string]any{"status": "cancelled"})
	if _, there := got["account"]; there {
		t.Errorf("an operator sees the account: %v", got)
	}
	if cancel := r.bank.last(t).Command.(banking.OnPayment).Command.(payment.Cancel); cancel != (payment.Cancel{By: "op-1", Reason: "asked to"}) {
		t.Errorf("command %+v", cancel)
	}
	members(t, r.want(r.as(operator, "POST", at+"/push", ""), 422, "payment_final").Problem.Context, map[string]any{"outcome": "cancelled"})
	members(t, r.want(r.do("POST", path+"/deposits", euroCent), 201, "").JSON(t), map[string]any{"held": 0, "available": 1001})
	r.want(r.as(operator, "POST", "/v1/payments/"+uuid.NewString()+"/cancel", ""), 404, "not_found")
	r.want(r.as(operator, "POST", "/v1/payments/7/cancel", ""), 404, "not_found")
}

func TestPaymentsThatMustNotBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path, theirs := r.openFor("ada", "EUR", 1000), r.openFor("eve", "EUR", 1000)
	ada := r.Token(t, "ada", auth.Own)
	iban := func(account string) string {
		return strings.Replace(paymentBody(path, 1, ""), "DE02120300000000202051", account, 1)
	}
	for name, c := range map[string]struct {
		body          string
		status        int
		code, pointer string
	}{
		"too much":         {paymentBody(path, 1001, ""), 422, "insufficient_funds", "/amount"},
		"another's":        {paymentBody(theirs, 1, ""), 404, "not_found", ""},
		"unknown account":  {paymentBody("/"+uuid.NewString(), 1, ""), 404, "not_found", ""},
		"no id":            {paymentBody("/7", 1, ""), 400, "invalid_parameter", "/account_id"},
		"amount zero":      {paymentBody(path, 0, ""), 422, "amount_out_of_range", "/amount"},
		"check digits":     {iban("DE03120300000000202051"), 400, "invalid_parameter", "/creditor/account"},
		"no name":          {strings.Replace(paymentBody(path, 1, ""), `"name":"Ada",`, "", 1), 400, "malformed_request", "/creditor/name"},
		"unknown field":    {strings.Replace(paymentBody(path, 1, ""), `"name":`, `"iban":"x","name":`, 1), 400, "malformed_request", "/creditor/iban"},
		"deadline passed":  {paymentBody(path, 1, `,"deadline":"2020-01-01T00:00:00Z"`), 400, "invalid_parameter", "/deadline"},
		"other currency":   {strings.Replace(paymentBody(path, 1, ""), "EUR", "USD", 1), 422, "currency_mismatch", "/currency"},
		"unknown currency": {strings.Replace(paymentBody(path, 1, ""), "EUR", "ZZZ", 1), 400, "invalid_parameter", "/currency"},
	} {
		t.Run(name, func(t *testing.T) {
			before := r.bank.position
			answer := r.want(r.as(ada, "POST", "/v1/payments", c.body), c.status, c.code)
			if c.pointer != "" && (len(answer.Problem.Errors) == 0 || answer.Problem.Errors[0].Pointer != c.pointer) {
				t.Errorf("errors %+v, want one at %s", answer.Problem.Errors, c.pointer)
			}
			if r.bank.position != before {
				t.Error("something has happened")
			}
		})
	}
}
