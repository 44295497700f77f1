package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"passbook/domain/money"
	"passbook/internal/demo"
	"passbook/internal/importer"
)

type importCommand struct {
	bankFlags   `embed:""`
	File        string `required:"" placeholder:"F.csv[.gz]" help:"Statement file: account, booked_on, reference, kind, amount, counterparty_bank, counterparty_account, memo, balance_after."`
	Currency    string `help:"Of all amounts in the file." default:"CZK"`
	Overdraft   int64  `help:"Overdraft limit of the accounts that are opened, in minor units." default:"1000000"`
	Concurrency int    `help:"Accounts worked on at a time." default:"32"`
	Verify      bool   `help:"Compare every account's day-end balances with the file; exit 1 on a difference."`
}

func (c importCommand) Run(ctx context.Context, t terminal) error {
	currency, err := money.ParseCurrency(c.Currency)
	if err != nil {
		return err
	}
	bank, err := c.client(t)
	if err != nil {
		return err
	}
	_, err = importer.Run(ctx, bank, c.File, importer.Options{
		Currency: currency, Overdraft: money.Amount(c.Overdraft), Concurrency: c.Concurrency, Verify: c.Verify,
		Out: t.stdout, Notes: t.stderr, Terminal: isTerminal(t.stderr),
	})
	return err
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

type demoCommand struct {
	bankFlags `embed:""`
}

func (c demoCommand) Run(ctx context.Context, t terminal) error {
	bank, err := c.client(t)
	if err != nil {
		return err
	}
	summary, err := demo.Run(ctx, bank, t.stdout)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.stdout, "%d accounts, %d commands, %d of them answered before\n", summary.Accounts, summary.Commands, summary.Replayed)
	return err
}
