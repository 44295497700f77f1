package importer

import (
	"context"

	"github.com/google/uuid"

	"passbook/client"
	"passbook/domain/money"
)

// kinds says for each kind of row which command it becomes, and the word that tells its kind from others of that command.
var kinds = map[string]struct {
	send sender
	word string
}{
	"cash_deposit":     {deposit, "cash"},
	"transfer_in":      {deposit, "transfer"},
	"rounding_credit":  {deposit, "rounding"},
	"cash_withdrawal":  {withdraw, "cash"},
	"card_withdrawal":  {withdraw, "card"},
	"transfer_out":     {withdraw, "transfer"},
	"rounding_debit":   {withdraw, "rounding"},
	"fee":              {chargeFee, "statement fee"},
	"interest":         {postInterest, ""},
	"penalty_interest": {postPenalty, ""},
}

// order is a row on its way to the bank.
type order struct {
	Row
	key      string
	account  uuid.UUID
	currency string
	word     string
	metadata client.Metadata
}

type sender func(context.Context, *client.Client, order, client.Option) error

// sendRow sends one row under a key made from its reference, so that it has one effect however often it is sent.
func sendRow(ctx context.Context, bank *client.Client, a *Account, r Row, currency money.Currency) (replayed bool, err error) {
	kind := kinds[r.Kind]
	var receipt client.Receipt
	err = kind.send(ctx, bank, order{
		Row: r, key: "import-" + r.Reference, account: a.ID, currency: currency.Code(), word: kind.word, metadata: r.metadata(),
	}, client.WithReceipt(&receipt))
	return receipt.Replayed, err
}

// metadata keeps what no field of the command has room for.
func (r Row) metadata() client.Metadata {
	m := client.Metadata{}
	for name, value := range map[string]string{
		"counterparty_bank":    r.CounterpartyBank,
		"counterparty_account": r.CounterpartyAccount,
		"memo":                 r.Memo,
	} {
		if value != "" {
			m[name] = value
		}
	}
	return m
}

// openAccount opens the account under a key of its own kind: no reference of a row can collide with it.
func openAccount(ctx context.Context, bank *client.Client, a *Account, currency money.Currency, overdraft money.Amount) error {
	_, err := bank.OpenAccount(ctx, "import.account-"+a.Number, client.OpenAccount{
		AccountID:      a.ID,
		OwnerID:        "owner-" + a.Number,
		OwnerName:      "Owner of account " + a.Number,
		Currency:       currency.Code(),
		OverdraftLimit: int64(overdraft),
		Metadata:       client.Metadata{"account_number": a.Number},
	})
	return err
}

func deposit(ctx context.Context, bank *client.Client, o order, option client.Option) error {
	_, err := bank.Deposit(ctx, o.key, o.account, client.Deposit{
		Amount: int64(o.Amount), Currency: o.currency, Reference: o.Reference, EffectiveAt: o.BookedOn, Metadata: o.metadata, Source: o.word,
	}, option)
	return err
}

func withdraw(ctx context.Context, bank *client.Client, o order, option client.Option) error {
	_, err := bank.Withdraw(ctx, o.key, o.account, client.Withdrawal{
		Amount: int64(o.Amount), Currency: o.currency, Reference: o.Reference, EffectiveAt: o.BookedOn, Metadata: o.metadata, Channel: o.word,
	}, option)
	return err
}

func chargeFee(ctx context.Context, bank *client.Client, o order, option client.Option) error {
	_, err := bank.ChargeFee(ctx, o.key, o.account, client.Fee{
		Amount: int64(o.Amount), Currency: o.currency, Reference: o.Reference, EffectiveAt: o.BookedOn, Metadata: o.metadata, Reason: o.word,
	}, option)
	return err
}

func postInterest(ctx context.Context, bank *client.Client, o order, option client.Option) error {
	_, err := bank.PostInterest(ctx, o.key, o.account, client.Interest{
		Amount: int64(o.Amount), Currency: o.currency, Reference: o.Reference, EffectiveAt: o.BookedOn, Metadata: o.metadata,
	}, option)
	return err
}

// postPenalty is interest that the customer pays. A parsed amount is positive and in range, and so is its opposite.
func postPenalty(ctx context.Context, bank *client.Client, o order, option client.Option) error {
	o.Amount = -o.Amount
	return postInterest(ctx, bank, o, option)
}
