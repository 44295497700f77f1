package commandapi

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/httpapi"
)

// What follows builds the orders of the operations: ids, value dates and currencies are dealt with here, everything else by the
// schema of the body before, and by the rules of the account afterwards.

// openAccount opens an account, under the client's id if it gave one.
func openAccount(b *OpenAccount) (order, error) {
	currency, err := parseCurrency(b.Currency)
	if err != nil {
		return order{}, err
	}
	id, err := b.id()
	if err != nil {
		return order{}, err
	}
	return order{command: bank.OnAccount{AccountID: id, Command: account.Open{
		AccountID: id, OwnerID: b.OwnerID, OwnerName: b.OwnerName, Currency: currency,
		OverdraftLimit: money.Amount(b.OverdraftLimit), Metadata: b.Metadata,
	}}}, nil
}

// changeSettings changes the settings that are given.
func changeSettings(id string, b *AccountSettings) (order, error) {
	c := account.ChangeSettings{OverdraftLimit: (*money.Amount)(b.OverdraftLimit), OwnerName: b.OwnerName}
	if b.Metadata != nil {
		c.Metadata = (*map[string]string)(&b.Metadata)
	}
	if l := b.Limits; l != nil {
		c.Limits = &account.Limits{PerTransaction: money.Amount(l.PerTransaction), PerDay: money.Amount(l.PerDay), PerMonth: money.Amount(l.PerMonth)}
	}
	return onAccount(id, c, time.Time{})
}

// deposit takes money in.
func deposit(id string, b *Deposit) (order, error) {
	m, err := newMovement(b.Amount, b.Currency, &b.EffectiveAt)
	if err != nil {
		return order{}, err
	}
	return onAccount(id, account.Deposit{
		TransactionID: m.id, Money: m.money, Source: b.Source, Reference: b.Reference, Metadata: b.Metadata,
	}, b.EffectiveAt)
}

// withdraw pays money out.
func withdraw(id string, b *Withdrawal) (order, error) {
	m, err := newMovement(b.Amount, b.Currency, &b.EffectiveAt)
	if err != nil {
		return order{}, err
	}
	return onAccount(id, account.Withdraw{
		TransactionID: m.id, Money: m.money, Channel: b.Channel, Reference: b.Reference, Metadata: b.Metadata,
	}, b.EffectiveAt)
}

// chargeFee takes a fee.
func chargeFee(id string, b *Fee) (order, error) {
	m, err := newMovement(b.Amount, b.Currency, &b.EffectiveAt)
	if err != nil {
		return order{}, err
	}
	return onAccount(id, account.ChargeFee{
		TransactionID: m.id, Money: m.money, Reason: b.Reason, Reference: b.Reference, Metadata: b.Metadata,
	}, b.EffectiveAt)
}

// postInterest posts interest, or penalty interest when the amount is negative.
func postInterest(id string, b *Interest) (order, error) {
	m, err := newMovement(b.Amount, b.Currency, &b.EffectiveAt)
	if err != nil {
		return order{}, err
	}
	return onAccount(id, account.PostInterest{
		TransactionID: m.id, Money: m.money, Rate: b.Rate, Period: b.Period, Reference: b.Reference, Metadata: b.Metadata,
	}, b.EffectiveAt)
}

// freezeAccount stops movements.
func freezeAccount(id string, b *Freeze) (order, error) {
	c := account.Freeze{Reason: b.Reason, Scope: account.FreezeAll}
	if b.Scope != nil {
		c.Scope = account.FreezeScope(*b.Scope)
	}
	return onAccount(id, c, time.Time{})
}

// unfreezeAccount lets movements go on.
func unfreezeAccount(id string, b *Lifecycle) (order, error) {
	return onAccount(id, account.Unfreeze{Reason: b.Reason}, time.Time{})
}

// closeAccount closes an account on which nothing is left.
func closeAccount(id string, b *Lifecycle) (order, error) {
	return onAccount(id, account.Close{Reason: b.Reason}, time.Time{})
}

// reopenAccount opens a closed account again.
func reopenAccount(id string, b *Lifecycle) (order, error) {
	return onAccount(id, account.Reopen{Reason: b.Reason}, time.Time{})
}

// movement is what the movements of money have in common.
type movement struct {
	id    uuid.UUID
	money money.Money
}

// newMovement gives a movement its id, and brings the value date into the form in which it is kept.
func newMovement(amount int64, currency string, effectiveAt *EffectiveAt) (movement, error) {
	m, err := newMoney(amount, currency)
	if err != nil {
		return movement{}, err
	}
	if err := normalize(effectiveAt); err != nil {
		return movement{}, err
	}
	id, err := newID()
	return movement{id: id, money: m}, err
}

func newMoney(amount int64, currency string) (money.Money, error) {
	c, err := parseCurrency(currency)
	return money.Money{Amount: money.Amount(amount), Currency: c}, err
}

// onAccount addresses a command to the account that the path names.
func onAccount(id string, c account.Command, effectiveAt time.Time) (order, error) {
	parsed, err := httpapi.ParseID(id)
	if err != nil {
		return order{missing: noSuch("account")}, nil // what is not a UUID is no account's id
	}
	return order{addressed: parsed, effectiveAt: effectiveAt, command: bank.OnAccount{AccountID: parsed, Command: c}}, nil
}

// addressed makes an order for something else than an account: what it is about must be found first.
func addressed(id, what string, find func(context.Context, Finder, uuid.UUID) (bank.Command, error)) (order, error) {
	parsed, err := httpapi.ParseID(id)
	if err != nil {
		return order{missing: noSuch(what)}, nil
	}
	return order{addressed: parsed, find: func(ctx context.Context, finder Finder) (bank.Command, error) {
		c, err := find(ctx, finder, parsed)
		return c, notFound(what, err)
	}}, nil
}

func newID() (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("make an id: %w", err)
	}
	return id, nil
}

func parseCurrency(code string) (money.Currency, error) {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return money.Currency{}, invalid(httpapi.FieldError{
			Pointer: "/currency", Code: httpapi.FieldUnknownCurrency, Detail: "must be the ISO 4217 code of a currency in use",
		})
	}
	return currency, nil
}

func invalid(fault httpapi.FieldError) error {
	return &httpapi.Error{Code: httpapi.InvalidParameter, Detail: fault.Pointer + " " + fault.Detail + ".", Fields: []httpapi.FieldError{fault}}
}
