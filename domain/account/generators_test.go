package account_test

import (
	"math"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// Generators name themselves on first use without a lock: tests that share one must not run in parallel.

// Commands that mostly make sense: few transaction ids, so that some repeat, and amounts about as large as the balances and
// limits are, so that rules are met from both sides.

var amounts = rapid.Custom(func(t *rapid.T) money.Amount {
	scale := rapid.SampledFrom([]int64{1, 100, 100, 100, 10_000, int64(money.MaxAmount)}).Draw(t, "scale")
	sign := rapid.SampledFrom([]int64{1, 1, 1, 1, 1, 1, -1}).Draw(t, "sign")
	return money.Amount(sign * (scale - rapid.Int64Range(0, scale).Draw(t, "less"))) // small draws are likelier than large ones
})

var moneys = rapid.Custom(func(t *rapid.T) money.Money {
	currency := rapid.SampledFrom([]money.Currency{eur, eur, eur, eur, eur, eur, usd}).Draw(t, "currency")
	return money.Money{Amount: amounts.Draw(t, "amount"), Currency: currency}
})

var (
	transactions = rapid.Custom(func(t *rapid.T) uuid.UUID { return tx(rapid.ByteRange(0, 9).Draw(t, "transaction")) })
	words        = rapid.SampledFrom([]string{"", "word", "żółć", "\"quoted\" \\ \n\u2028"})
	metadata     = rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "\"c\""}), words, 0, 3)
	scopes       = rapid.SampledFrom([]account.FreezeScope{"", account.FreezeAll, account.FreezeDebit})
)

var opens = rapid.Custom(func(t *rapid.T) account.Open {
	return account.Open{AccountID: accountID, OwnerID: "owner-1", OwnerName: words.Draw(t, "name"), Currency: eur,
		OverdraftLimit: rapid.SampledFrom([]money.Amount{0, 50, 50, 10_000, most, -1}).Draw(t, "limit"), Metadata: metadata.Draw(t, "metadata")}
})

var settings = rapid.Custom(func(t *rapid.T) account.ChangeSettings {
	return account.ChangeSettings{
		OverdraftLimit: rapid.Ptr(amounts, true).Draw(t, "limit"),
		OwnerName:      rapid.Ptr(words, true).Draw(t, "name"),
		Metadata:       rapid.Ptr(metadata, true).Draw(t, "metadata"),
	}
})

var movements = rapid.Custom(func(t *rapid.T) account.Command {
	id, m, text, about := transactions.Draw(t, "id"), moneys.Draw(t, "money"), words.Draw(t, "text"), metadata.Draw(t, "metadata")
	return rapid.SampledFrom([]account.Command{
		account.Deposit{TransactionID: id, Money: m, Source: text, Reference: text, Metadata: about},
		account.Withdraw{TransactionID: id, Money: m, Channel: text, Reference: text, Metadata: about},
		account.ChargeFee{TransactionID: id, Money: m, Reason: text, Reference: text, Metadata: about},
		account.PostInterest{TransactionID: id, Money: m, Rate: text, Period: text, Reference: text, Metadata: about},
		account.SendTransfer{TransactionID: id, TargetID: otherID, Money: m, Reference: text, Metadata: about},
		account.ReceiveTransfer{TransactionID: id, SourceID: otherID, Money: m, Reference: text, Metadata: about},
		account.PostReversal{TransactionID: id, Reverses: tx(200), Direction: rapid.SampledFrom([]account.Direction{account.Credit, account.Debit}).Draw(t, "direction"), Money: m, Reason: text},
	}).Draw(t, "movement")
})

var onHolds = rapid.Custom(func(t *rapid.T) account.Command {
	id, m, text := hold(rapid.ByteRange(0, 5).Draw(t, "hold")), moneys.Draw(t, "money"), words.Draw(t, "text")
	lasting := time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute
	return rapid.SampledFrom([]account.Command{
		account.PlaceHold{HoldID: id, Money: m, ExpiresAt: noon.Add(lasting), Reference: text}, account.PlaceHold{HoldID: id, Money: m, ExpiresAt: noon.Add(lasting)},
		account.PlaceHold{HoldID: id, Money: m, PaymentID: payment},
		account.CaptureHold{TransactionID: transactions.Draw(t, "id"), HoldID: id, Amount: rapid.Ptr(amounts, true).Draw(t, "amount"), Final: rapid.Bool().Draw(t, "final")},
		account.CaptureHold{TransactionID: transactions.Draw(t, "id"), HoldID: id, PaymentID: payment},
		account.ReleaseHold{HoldID: id, Reason: text}, account.ReleaseHold{HoldID: id, PaymentID: payment},
		account.ExtendHold{HoldID: id, ExpiresAt: noon.Add(lasting)}, account.ExpireHolds{},
	}).Draw(t, "on hold")
})

var lifecycle = rapid.Custom(func(t *rapid.T) account.Command {
	reason := words.Draw(t, "reason")
	return rapid.SampledFrom([]account.Command{
		account.Freeze{Reason: reason, Scope: scopes.Draw(t, "scope")}, account.Unfreeze{Reason: reason}, account.Unfreeze{Reason: reason},
		account.Close{Reason: reason}, account.Reopen{Reason: reason}, account.Reopen{Reason: reason},
	}).Draw(t, "lifecycle")
})

var commands = rapid.Custom(func(t *rapid.T) account.Command {
	kinds := map[string]func() account.Command{
		"open":      func() account.Command { return opens.Draw(t, "open") },
		"settings":  func() account.Command { return settings.Draw(t, "settings") },
		"lifecycle": func() account.Command { return lifecycle.Draw(t, "lifecycle") },
		"movement":  func() account.Command { return movements.Draw(t, "movement") },
		"hold":      func() account.Command { return onHolds.Draw(t, "hold") },
	}
	return kinds[rapid.SampledFrom([]string{"movement", "movement", "movement", "movement", "hold", "hold", "lifecycle", "settings", "open"}).Draw(t, "kind")]()
})

// Anything that the types allow, sense or not.

var (
	anyAmount   = rapid.Custom(func(t *rapid.T) money.Amount { return money.Amount(anyInt64.Draw(t, "amount")) })
	anyInt64    = rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 53, -1 << 53}))
	anyText     = rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text")) })
	anyMetadata = rapid.MapOfN(anyText, anyText, 0, 30)
	anyCurrency = rapid.SampledFrom(append(money.Currencies(), money.Currency{}))
	anyMoney    = rapid.Custom(func(t *rapid.T) money.Money {
		return money.Money{Amount: anyAmount.Draw(t, "amount"), Currency: anyCurrency.Draw(t, "currency")}
	})
)

var anyState = rapid.Custom(func(t *rapid.T) account.State {
	return account.State{
		ID:              accountID,
		Version:         anyInt64.Draw(t, "version"),
		Status:          account.Status(rapid.SampledFrom([]string{"", "open", "frozen", "closed", "odd"}).Draw(t, "status")),
		FreezeScope:     account.FreezeScope(rapid.SampledFrom([]string{"", "all", "debit", "odd"}).Draw(t, "scope")),
		OwnerID:         anyText.Draw(t, "owner id"),
		Currency:        anyCurrency.Draw(t, "currency"),
		Balance:         anyAmount.Draw(t, "balance"),
		Held:            anyAmount.Draw(t, "held"),
		OverdraftLimit:  anyAmount.Draw(t, "limit"),
		Metadata:        anyMetadata.Draw(t, "metadata"),
		LastTransaction: tx(rapid.Byte().Draw(t, "last")),
		Holds:           []account.Hold{{ID: hold(1), Amount: anyAmount.Draw(t, "hold"), ExpiresAt: noon.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "expiry")))}},
		Ended:           []account.EndedHold{{ID: hold(2), How: account.HoldEndExpired}},
		Limits:          account.Limits{PerTransaction: anyAmount.Draw(t, "per transaction"), PerDay: anyAmount.Draw(t, "per day")},
		Spent:           account.Spent{Day: 20778, Today: anyAmount.Draw(t, "today"), ThisMonth: anyAmount.Draw(t, "month")},
	}
})

var anyCommand = rapid.Custom(func(t *rapid.T) account.Command {
	id, m, text, about := uuid.UUID{rapid.Byte().Draw(t, "id")}, anyMoney.Draw(t, "money"), anyText.Draw(t, "text"), anyMetadata.Draw(t, "metadata")
	return rapid.SampledFrom([]account.Command{
		account.Open{AccountID: id, OwnerID: text, OwnerName: text, Currency: m.Currency, OverdraftLimit: m.Amount, Metadata: about},
		account.Deposit{TransactionID: id, Money: m, Source: text, Reference: text, Metadata: about},
		account.Withdraw{TransactionID: id, Money: m, Channel: text, Reference: text, Metadata: about},
		account.ChargeFee{TransactionID: id, Money: m, Reason: text, Reference: text, Metadata: about},
		account.PostInterest{TransactionID: id, Money: m, Rate: text, Period: text, Reference: text, Metadata: about},
		account.Freeze{Reason: text, Scope: account.FreezeScope(text)}, account.Unfreeze{Reason: text},
		account.Close{Reason: text}, account.Reopen{Reason: text},
		account.ChangeSettings{OverdraftLimit: &m.Amount, OwnerName: &text, Metadata: &about}, account.ChangeSettings{},
		account.ChangeSettings{Limits: &account.Limits{PerDay: m.Amount}},
		account.SendTransfer{TransactionID: id, TargetID: id, Money: m, Reference: text, Metadata: about}, account.ReceiveTransfer{TransactionID: id, SourceID: id, Money: m, Reference: text, Metadata: about},
		account.PlaceHold{HoldID: id, Money: m, ExpiresAt: time.Unix(int64(m.Amount%1e10), 0), Reference: text, Metadata: about}, account.CaptureHold{TransactionID: id, HoldID: hold(1), Amount: &m.Amount, Reference: text},
		account.ReleaseHold{HoldID: hold(1), Reason: text}, account.ExtendHold{HoldID: hold(1), ExpiresAt: time.Unix(int64(m.Amount%1e10), 0)}, account.ExpireHolds{},
		account.PostReversal{TransactionID: id, Reverses: id, Direction: account.Direction(text), Money: m, Reason: text}, account.PostReversal{TransactionID: id, Reverses: id, Direction: account.Debit, Money: m},
	}).Draw(t, "command")
})
