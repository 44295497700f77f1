package importer

import (
	"context"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/internal/passbookclient"
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
	key      string
	account  uuid.UUID
	word     string
	movement passbookclient.Movement
}

type sender func(context.Context, *passbookclient.Client, order) (passbookclient.Result, error)

// sendRow sends one row under a key made from its reference, so that it has one effect however often it is sent.
func sendRow(ctx context.Context, bank *passbookclient.Client, a *Account, r Row, currency money.Currency) (passbookclient.Result, error) {
	kind := kinds[r.Kind]
	return kind.send(ctx, bank, order{
		key:     "import-" + r.Reference,
		account: a.ID,
		word:    kind.word,
		movement: passbookclient.Movement{
			Amount:      r.Amount,
			Currency:    currency.Code(),
			Reference:   r.Reference,
			EffectiveAt: r.BookedOn,
			Metadata:    r.metadata(),
		},
	})
}

// metadata keeps what no field of the command has room for.
func (r Row) metadata() map[string]string {
	m := map[string]string{}
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
func openAccount(ctx context.Context, bank *passbookclient.Client, a *Account, currency money.Currency, overdraft money.Amount) error {
	_, err := bank.Open(ctx, "import.account-"+a.Number, passbookclient.Account{
		AccountID:      a.ID,
		OwnerID:        "owner-" + a.Number,
		OwnerName:      "Owner of account " + a.Number,
		Currency:       currency.Code(),
		OverdraftLimit: overdraft,
		Metadata:       map[string]string{"account_number": a.Number},
	})
	return err
}

func deposit(ctx context.Context, bank *passbookclient.Client, o order) (passbookclient.Result, error) {
	return bank.Deposit(ctx, o.key, o.account, passbookclient.Deposit{Movement: o.movement, Source: o.word})
}

func withdraw(ctx context.Context, bank *passbookclient.Client, o order) (passbookclient.Result, error) {
	return bank.Withdraw(ctx, o.key, o.account, passbookclient.Withdrawal{Movement: o.movement, Channel: o.word})
}

func chargeFee(ctx context.Context, bank *passbookclient.Client, o order) (passbookclient.Result, error) {
	return bank.ChargeFee(ctx, o.key, o.account, passbookclient.Fee{Movement: o.movement, Reason: o.word})
}

func postInterest(ctx context.Context, bank *passbookclient.Client, o order) (passbookclient.Result, error) {
	return bank.PostInterest(ctx, o.key, o.account, passbookclient.Interest{Movement: o.movement})
}

// postPenalty is interest that the customer pays. A parsed amount is positive and in range, and so is its opposite.
func postPenalty(ctx context.Context, bank *passbookclient.Client, o order) (passbookclient.Result, error) {
	o.movement.Amount = -o.movement.Amount
	return postInterest(ctx, bank, o)
}
