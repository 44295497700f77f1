package account_test

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// A command is decided on the state that the events so far lead to; what follows is folded in turn.
func ExampleDecide() {
	booked := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	czk := money.MustCurrency("CZK")
	s := account.Replay(booked, account.Opened{AccountID: uuid.UUID{1}, OwnerID: "owner-1", Currency: czk, OverdraftLimit: 1_000})

	events, err := account.Decide(s, account.Withdraw{TransactionID: uuid.UUID{2}, Money: money.Money{Amount: 800, Currency: czk}}, booked)
	for _, e := range events {
		s = account.Evolve(s, e, booked)
	}
	fmt.Println(s.Balance.Format(czk), s.Available().Format(czk), err)

	_, err = account.Decide(s, account.Withdraw{TransactionID: uuid.UUID{3}, Money: money.Money{Amount: 800, Currency: czk}}, booked)
	fmt.Println(err)
	// Output:
	// -8.00 2.00 <nil>
	// 800 requested, 200 available
}
