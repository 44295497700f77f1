package commandapi

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/httpapi"
)

// handlers has one method for each operation of the document.
type handlers struct{ executor Executor }

// OpenAccount opens an account, under the client's id if it gave one.
func (h *handlers) OpenAccount(ctx context.Context, r OpenAccountRequestObject) (OpenAccountResponseObject, error) {
	b := r.Body
	currency, err := parseCurrency(b.Currency)
	if err != nil {
		return nil, err
	}
	id, err := b.id()
	if err != nil {
		return nil, err
	}
	return h.execute(ctx, order{accountID: id, body: b, command: account.Open{
		AccountID: id, OwnerID: b.OwnerID, OwnerName: b.OwnerName, Currency: currency,
		OverdraftLimit: money.Amount(b.OverdraftLimit), Metadata: b.Metadata,
	}})
}

// ChangeSettings changes the settings that are given.
func (h *handlers) ChangeSettings(ctx context.Context, r ChangeSettingsRequestObject) (ChangeSettingsResponseObject, error) {
	c := account.ChangeSettings{OverdraftLimit: (*money.Amount)(r.Body.OverdraftLimit), OwnerName: r.Body.OwnerName}
	if r.Body.Metadata != nil {
		c.Metadata = (*map[string]string)(&r.Body.Metadata)
	}
	return h.executeOn(ctx, r.AccountID, order{body: r.Body, command: c})
}

// Deposit takes money in.
func (h *handlers) Deposit(ctx context.Context, r DepositRequestObject) (DepositResponseObject, error) {
	b := r.Body
	m, err := newMovement(b.Amount, b.Currency, &b.EffectiveAt)
	if err != nil {
		return nil, err
	}
	return h.executeOn(ctx, r.AccountID, order{body: b, effectiveAt: b.EffectiveAt, command: account.Deposit{
		TransactionID: m.id, Money: m.money, Source: b.Source, Reference: b.Reference, Metadata: b.Metadata,
	}})
}

// Withdraw pays money out.
func (h *handlers) Withdraw(ctx context.Context, r WithdrawRequestObject) (WithdrawResponseObject, error) {
	b := r.Body
	m, err := newMovement(b.Amount, b.Currency, &b.EffectiveAt)
	if err != nil {
		return nil, err
	}
	return h.executeOn(ctx, r.AccountID, order{body: b, effectiveAt: b.EffectiveAt, command: account.Withdraw{
		TransactionID: m.id, Money: m.money, Channel: b.Channel, Reference: b.Reference, Metadata: b.Metadata,
	}})
}

// ChargeFee takes a fee.
func (h *handlers) ChargeFee(ctx context.Context, r ChargeFeeRequestObject) (ChargeFeeResponseObject, error) {
	b := r.Body
	m, err := newMovement(b.Amount, b.Currency, &b.EffectiveAt)
	if err != nil {
		return nil, err
	}
	return h.executeOn(ctx, r.AccountID, order{body: b, effectiveAt: b.EffectiveAt, command: account.ChargeFee{
		TransactionID: m.id, Money: m.money, Reason: b.Reason, Reference: b.Reference, Metadata: b.Metadata,
	}})
}

// PostInterest posts interest, or penalty interest when the amount is negative.
func (h *handlers) PostInterest(ctx context.Context, r PostInterestRequestObject) (PostInterestResponseObject, error) {
	b := r.Body
	m, err := newMovement(b.Amount, b.Currency, &b.EffectiveAt)
	if err != nil {
		return nil, err
	}
	return h.executeOn(ctx, r.AccountID, order{body: b, effectiveAt: b.EffectiveAt, command: account.PostInterest{
		TransactionID: m.id, Money: m.money, Rate: b.Rate, Period: b.Period, Reference: b.Reference, Metadata: b.Metadata,
	}})
}

// FreezeAccount stops movements.
func (h *handlers) FreezeAccount(ctx context.Context, r FreezeAccountRequestObject) (FreezeAccountResponseObject, error) {
	c := account.Freeze{Reason: r.Body.Reason, Scope: account.FreezeAll}
	if r.Body.Scope != nil {
		c.Scope = account.FreezeScope(*r.Body.Scope)
	}
	return h.executeOn(ctx, r.AccountID, order{body: r.Body, command: c})
}

// UnfreezeAccount lets movements go on.
func (h *handlers) UnfreezeAccount(ctx context.Context, r UnfreezeAccountRequestObject) (UnfreezeAccountResponseObject, error) {
	return h.executeOn(ctx, r.AccountID, order{body: r.Body, command: account.Unfreeze{Reason: r.Body.Reason}})
}

// CloseAccount closes an account on which nothing is left.
func (h *handlers) CloseAccount(ctx context.Context, r CloseAccountRequestObject) (CloseAccountResponseObject, error) {
	return h.executeOn(ctx, r.AccountID, order{body: r.Body, command: account.Close{Reason: r.Body.Reason}})
}

// ReopenAccount opens a closed account again.
func (h *handlers) ReopenAccount(ctx context.Context, r ReopenAccountRequestObject) (ReopenAccountResponseObject, error) {
	return h.executeOn(ctx, r.AccountID, order{body: r.Body, command: account.Reopen{Reason: r.Body.Reason}})
}

// movement is what the movements of money have in common.
type movement struct {
	id    uuid.UUID
	money money.Money
}

// newMovement gives a movement its id, and brings the value date into the form in which it is kept.
func newMovement(amount int64, currency string, effectiveAt *EffectiveAt) (movement, error) {
	c, err := parseCurrency(currency)
	if err != nil {
		return movement{}, err
	}
	if err := normalize(effectiveAt); err != nil {
		return movement{}, err
	}
	id, err := newID()
	return movement{id: id, money: money.Money{Amount: money.Amount(amount), Currency: c}}, err
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
