package forward

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// The kinds of commands on the wire. A number stands for the same fields for ever: another shape is another number.
const (
	kindOpen = iota + 1
	kindDeposit
	kindWithdraw
	kindChargeFee
	kindPostInterest
	kindFreeze
	kindUnfreeze
	kindClose
	kindReopen
	kindChangeSettings
	kindSendTransfer
	kindReceiveTransfer
	kindPlaceHold
	kindCaptureHold
	kindReleaseHold
	kindExtendHold
	kindExpireHolds
	kindPostReversal
)

// onAccount writes the kind and the fields in the order of the type.
func (w *writer) onAccount(c account.Command) {
	switch c := c.(type) {
	case account.Open:
		w.byte(kindOpen)
		w.uuid(c.AccountID)
		w.texts(c.OwnerID, c.OwnerName, c.Currency.Code())
		w.signed(int64(c.OverdraftLimit))
		w.metadata(c.Metadata)
	case account.Deposit:
		w.byte(kindDeposit)
		w.uuid(c.TransactionID)
		w.money(c.Money)
		w.texts(c.Source, c.Reference)
		w.metadata(c.Metadata)
	case account.Withdraw:
		w.byte(kindWithdraw)
		w.uuid(c.TransactionID)
		w.money(c.Money)
		w.texts(c.Channel, c.Reference)
		w.metadata(c.Metadata)
	case account.ChargeFee:
		w.byte(kindChargeFee)
		w.uuid(c.TransactionID)
		w.money(c.Money)
		w.texts(c.Reason, c.Reference)
		w.metadata(c.Metadata)
	case account.PostInterest:
		w.byte(kindPostInterest)
		w.uuid(c.TransactionID)
		w.money(c.Money)
		w.texts(c.Rate, c.Period, c.Reference)
		w.metadata(c.Metadata)
	default:
		w.lifecycle(c)
	}
}

// lifecycle is onAccount for those that move no money.
func (w *writer) lifecycle(c account.Command) {
	switch c := c.(type) {
	case account.Freeze:
		w.byte(kindFreeze)
		w.texts(c.Reason, string(c.Scope))
	case account.Unfreeze:
		w.byte(kindUnfreeze)
		w.text(c.Reason)
	case account.Close:
		w.byte(kindClose)
		w.text(c.Reason)
	case account.Reopen:
		w.byte(kindReopen)
		w.text(c.Reason)
	case account.ChangeSettings:
		w.byte(kindChangeSettings)
		w.settings(c)
	default:
		w.between(c)
	}
}

// between is onAccount for what concerns other accounts, and for what is set aside.
func (w *writer) between(c account.Command) {
	switch c := c.(type) {
	case account.SendTransfer:
		w.byte(kindSendTransfer)
		w.uuids(c.TransactionID, c.TargetID)
		w.money(c.Money)
		w.text(c.Reference)
		w.metadata(c.Metadata)
	case account.ReceiveTransfer:
		w.byte(kindReceiveTransfer)
		w.uuids(c.TransactionID, c.SourceID)
		w.money(c.Money)
		w.text(c.Reference)
		w.metadata(c.Metadata)
	case account.PostReversal:
		w.byte(kindPostReversal)
		w.uuids(c.TransactionID, c.Reverses, c.CounterpartyID)
		w.text(string(c.Direction))
		w.money(c.Money)
		w.text(c.Reason)
		w.metadata(c.Metadata)
	default:
		w.hold(c)
	}
}

func (w *writer) hold(c account.Command) {
	switch c := c.(type) {
	case account.PlaceHold:
		w.byte(kindPlaceHold)
		w.uuids(c.HoldID, c.PaymentID)
		w.money(c.Money)
		w.time(c.ExpiresAt)
		w.text(c.Reference)
		w.metadata(c.Metadata)
	case account.CaptureHold:
		w.byte(kindCaptureHold)
		w.uuids(c.TransactionID, c.HoldID, c.PaymentID)
		w.optionalAmount(c.Amount)
		w.present(c.Final)
		w.text(c.Reference)
		w.metadata(c.Metadata)
	case account.ReleaseHold:
		w.byte(kindReleaseHold)
		w.uuids(c.HoldID, c.PaymentID)
		w.text(c.Reason)
	case account.ExtendHold:
		w.byte(kindExtendHold)
		w.uuid(c.HoldID)
		w.time(c.ExpiresAt)
	case account.ExpireHolds:
		w.byte(kindExpireHolds)
	default:
		panic(fmt.Sprintf("forward: %T is no command", c))
	}
}

func (w *writer) settings(c account.ChangeSettings) {
	if w.present(c.OverdraftLimit != nil) {
		w.signed(int64(*c.OverdraftLimit))
	}
	if w.present(c.OwnerName != nil) {
		w.text(*c.OwnerName)
	}
	if w.present(c.Metadata != nil) {
		w.metadata(*c.Metadata)
	}
	if w.present(c.Limits != nil) {
		w.signed(int64(c.Limits.PerTransaction))
		w.signed(int64(c.Limits.PerDay))
		w.signed(int64(c.Limits.PerMonth))
	}
}

func (w *writer) money(m money.Money) {
	w.signed(int64(m.Amount))
	w.text(m.Currency.Code())
}

// metadata tells nil from empty, and is in order, so that the same command is the same bytes.
func (w *writer) metadata(m map[string]string) {
	if m == nil {
		w.unsigned(0)
		return
	}
	w.unsigned(uint64(len(m)) + 1)
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		w.texts(key, m[key])
	}
}

// onAccount reads what the writer's wrote. Its texts are copies: an account in memory may keep them for long.
func (r *reader) onAccount() account.Command {
	switch kind := r.byte(); kind {
	case kindOpen:
		return account.Open{
			AccountID: r.uuid(), OwnerID: r.copied(), OwnerName: r.copied(), Currency: r.currency(),
			OverdraftLimit: r.amount(), Metadata: r.metadata(),
		}
	case kindDeposit:
		return account.Deposit{TransactionID: r.uuid(), Money: r.money(), Source: r.copied(), Reference: r.copied(), Metadata: r.metadata()}
	case kindWithdraw:
		return account.Withdraw{TransactionID: r.uuid(), Money: r.money(), Channel: r.copied(), Reference: r.copied(), Metadata: r.metadata()}
	case kindChargeFee:
		return account.ChargeFee{TransactionID: r.uuid(), Money: r.money(), Reason: r.copied(), Reference: r.copied(), Metadata: r.metadata()}
	case kindPostInterest:
		return account.PostInterest{
			TransactionID: r.uuid(), Money: r.money(), Rate: r.copied(), Period: r.copied(), Reference: r.copied(), Metadata: r.metadata(),
		}
	case kindFreeze:
		return account.Freeze{Reason: r.copied(), Scope: account.FreezeScope(r.copied())}
	case kindUnfreeze:
		return account.Unfreeze{Reason: r.copied()}
	case kindClose:
		return account.Close{Reason: r.copied()}
	case kindReopen:
		return account.Reopen{Reason: r.copied()}
	case kindChangeSettings:
		return r.settings()
	default:
		return r.between(kind)
	}
}

func (r *reader) between(kind byte) account.Command {
	switch kind {
	case kindSendTransfer:
		return account.SendTransfer{TransactionID: r.uuid(), TargetID: r.uuid(), Money: r.money(), Reference: r.copied(), Metadata: r.metadata()}
	case kindReceiveTransfer:
		return account.ReceiveTransfer{TransactionID: r.uuid(), SourceID: r.uuid(), Money: r.money(), Reference: r.copied(), Metadata: r.metadata()}
	case kindPostReversal:
		return account.PostReversal{TransactionID: r.uuid(), Reverses: r.uuid(), CounterpartyID: r.uuid(),
			Direction: account.Direction(r.copied()), Money: r.money(), Reason: r.copied(), Metadata: r.metadata()}
	case kindPlaceHold:
		return account.PlaceHold{HoldID: r.uuid(), PaymentID: r.uuid(), Money: r.money(), ExpiresAt: r.time(), Reference: r.copied(), Metadata: r.metadata()}
	case kindCaptureHold:
		return account.CaptureHold{TransactionID: r.uuid(), HoldID: r.uuid(), PaymentID: r.uuid(), Amount: r.optionalAmount(), Final: r.present(),
			Reference: r.copied(), Metadata: r.metadata()}
	case kindReleaseHold:
		return account.ReleaseHold{HoldID: r.uuid(), PaymentID: r.uuid(), Reason: r.copied()}
	case kindExtendHold:
		return account.ExtendHold{HoldID: r.uuid(), ExpiresAt: r.time()}
	case kindExpireHolds:
		return account.ExpireHolds{}
	default:
		r.fail("command of an unknown kind %d", kind)
		return nil
	}
}

func (r *reader) settings() (c account.ChangeSettings) {
	if r.present() {
		limit := r.amount()
		c.OverdraftLimit = &limit
	}
	if r.present() {
		name := r.copied()
		c.OwnerName = &name
	}
	if r.present() {
		metadata := r.metadata()
		c.Metadata = &metadata
	}
	if r.present() {
		c.Limits = &account.Limits{PerTransaction: r.amount(), PerDay: r.amount(), PerMonth: r.amount()}
	}
	return c
}

func (r *reader) copied() string { return strings.Clone(r.text()) }

func (w *writer) uuids(ids ...uuid.UUID) {
	for _, id := range ids {
		w.uuid(id)
	}
}

func (w *writer) optionalAmount(amount *money.Amount) {
	if w.present(amount != nil) {
		w.signed(int64(*amount))
	}
}

func (r *reader) optionalAmount() *money.Amount {
	if !r.present() {
		return nil
	}
	amount := r.amount()
	return &amount
}

func (r *reader) amount() money.Amount { return money.Amount(r.signed()) }

func (r *reader) money() money.Money { return money.Money{Amount: r.amount(), Currency: r.currency()} }

func (r *reader) currency() money.Currency {
	code := r.text()
	if code == "" {
		return money.Currency{}
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		r.fail("%w", err)
	}
	return currency
}

func (r *reader) metadata() map[string]string {
	n := r.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n-1)
	for range n - 1 {
		key := r.copied()
		m[key] = r.copied()
	}
	return m
}
