package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"passbook/client"
	"passbook/internal/banktest"
)

// The examples ask a bank that runs beside them, as its teller.
var commandURL, queryURL, token string

func TestMain(m *testing.M) {
	os.Exit(banktest.Main(m, func(b *banktest.Bank) {
		commandURL, queryURL, token = b.CommandURL, b.QueryURL, b.Token("teller-1", "accounts:write", "accounts:read")
	}))
}

func connect() *client.Client {
	bank, err := client.New(client.Options{CommandURL: commandURL, QueryURL: queryURL, Token: client.StaticToken(token)})
	if err != nil {
		panic(err)
	}
	return bank
}

// An account is opened, money comes in, and what is read includes it.
func Example() {
	ctx := context.Background()
	bank, err := client.New(client.Options{CommandURL: commandURL, QueryURL: queryURL, Token: client.StaticToken(token)})
	if err != nil {
		panic(err)
	}
	opened, err := bank.OpenAccount(ctx, "contract-17/account", client.OpenAccount{OwnerID: "ada", OwnerName: "Ada Lovelace", Currency: "EUR"})
	if err != nil {
		panic(err)
	}
	if _, err := bank.Deposit(ctx, "contract-17/first-deposit", opened.AccountID, client.Deposit{Amount: 125_50, Currency: "EUR"}); err != nil {
		panic(err)
	}
	account, err := bank.GetAccount(ctx, opened.AccountID)
	if err != nil {
		panic(err)
	}
	fmt.Println(account.OwnerName, account.Balance, account.Currency)
	// Output: Ada Lovelace 12550 EUR
}

// A command that is sent again under its key is answered again, and done once.
func ExampleWithReceipt() {
	ctx, bank := context.Background(), connect()
	account, err := bank.OpenAccount(ctx, client.NewKey(), client.OpenAccount{OwnerID: "grace", OwnerName: "Grace Hopper", Currency: "EUR"})
	if err != nil {
		panic(err)
	}
	for range 2 {
		var receipt client.Receipt
		deposit, err := bank.Deposit(ctx, "salary-2026-11", account.AccountID, client.Deposit{Amount: 1000_00, Currency: "EUR"}, client.WithReceipt(&receipt))
		if err != nil {
			panic(err)
		}
		fmt.Println(deposit.Balance, receipt.Version, receipt.Replayed)
	}
	// Output:
	// 100000 2 false
	// 100000 2 true
}

// What the bank refuses has a code to program against, and the data of the case.
func ExampleProblem() {
	ctx, bank := context.Background(), connect()
	account, err := bank.OpenAccount(ctx, client.NewKey(), client.OpenAccount{OwnerID: "alan", OwnerName: "Alan Turing", Currency: "EUR"})
	if err != nil {
		panic(err)
	}
	_, err = bank.Withdraw(ctx, client.NewKey(), account.AccountID, client.Withdrawal{Amount: 25_00, Currency: "EUR"})
	var problem *client.Problem
	if errors.As(err, &problem) && problem.Code == client.ErrorCodeInsufficientFunds {
		fmt.Println(problem.Errors[0].Pointer, problem.Context["available"], "of", problem.Context["requested"])
	}
	_, err = bank.Deposit(ctx, client.NewKey(), account.AccountID, client.Deposit{Amount: 1, Currency: "EUR"}, client.IfVersion(7))
	fmt.Println(client.IsCode(err, client.ErrorCodeVersionMismatch))
	// Output:
	// /amount 0 of 2500
	// true
}

// A dry run tells what would follow.
func ExampleDryRun() {
	ctx, bank := context.Background(), connect()
	account, err := bank.OpenAccount(ctx, client.NewKey(), client.OpenAccount{OwnerID: "emmy", OwnerName: "Emmy Noether", Currency: "EUR"})
	if err != nil {
		panic(err)
	}
	var dry client.DryRunResult
	if _, err := bank.Deposit(ctx, "", account.AccountID, client.Deposit{Amount: 5, Currency: "EUR"}, client.DryRun(&dry)); err != nil {
		panic(err)
	}
	fmt.Println(dry.Status, dry.Events[0].Type)
	// Output: 201 money.deposited
}

// Many commands go in few requests; their results come as the bank gives them. What was moved is then read page by page.
func ExampleClient_BulkStream() {
	ctx, bank := context.Background(), connect()
	account, err := bank.OpenAccount(ctx, client.NewKey(), client.OpenAccount{OwnerID: "mary", OwnerName: "Mary Somerville", Currency: "EUR"})
	if err != nil {
		panic(err)
	}
	orders := []client.BulkItem{
		client.DepositItem(account.AccountID, client.Deposit{Amount: 300, Currency: "EUR"}),
		client.WithdrawItem(account.AccountID, client.Withdrawal{Amount: 500, Currency: "EUR"}),
		client.ChargeFeeItem(account.AccountID, client.Fee{Amount: 20, Currency: "EUR", Reason: "by post"}),
	}
	for result, err := range bank.BulkStream(ctx, client.NewKey(), slices.Values(orders)) {
		if err != nil {
			panic(err)
		}
		var done client.CommandResult
		if err := result.Into(&done); err != nil {
			fmt.Println(result.Index, "is refused:", client.IsCode(err, client.ErrorCodeInsufficientFunds))
			continue
		}
		fmt.Println(result.Index, "leaves", done.Balance)
	}
	for row, err := range bank.Timeline(ctx, account.AccountID, client.ListTimelineParams{Limit: 1}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(row.Type, row.Amount)
	}
	// Output:
	// 0 leaves 300
	// 1 is refused: true
	// 2 leaves 280
	// fee 20
	// deposit 300
	// account_opened 0
}

// A stream begins behind what was read, and tells of everything that comes after it.
func ExampleClient_Stream() {
	ctx, bank := context.Background(), connect()
	account, err := bank.OpenAccount(ctx, client.NewKey(), client.OpenAccount{OwnerID: "sofia", OwnerName: "Sofia Kovalevskaya", Currency: "EUR"})
	if err != nil {
		panic(err)
	}
	behind := bank.Position()
	for _, amount := range []client.Amount{700, 800} {
		if _, err := bank.Deposit(ctx, client.NewKey(), account.AccountID, client.Deposit{Amount: amount, Currency: "EUR"}); err != nil {
			panic(err)
		}
	}
	for event, err := range bank.Stream(ctx, client.StreamParams{AccountID: account.AccountID, After: behind}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(event.Type, event.Row.Amount, event.Row.Balance)
		if event.Row.Balance == 1500 {
			break
		}
	}
	// Output:
	// deposit 700 700
	// deposit 800 1500
}
