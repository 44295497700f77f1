package account_test

import (
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/internal/domaintest"
	"passbook/domain/money"
)

// sample is an event whose bytes are kept in testdata.
type sample struct {
	Variant string
	Event   account.Event
}

var sampleTexts = map[string]string{"branch": "7", "añadido": "\"é\" \\ / <&> \u2028 😀", "empty": ""}

// samples has every event, with all that it can hold and with as little as it can hold.
var samples = []sample{
	{"full", account.Opened{AccountID: sampleID(1), OwnerID: "owner-1", OwnerName: "Ada \"the first\" Lovelace", Currency: eur, OverdraftLimit: 100_000, Metadata: sampleTexts}},
	{"minimal", account.Opened{AccountID: sampleID(1), OwnerID: "o", Currency: money.MustCurrency("JPY")}},

	{"full", account.Deposited{TransactionID: sampleID(2), Amount: 12_550, Currency: eur, Source: "cash", Reference: "slip 4711\n", Metadata: sampleTexts, BalanceAfter: 12_550, HeldAfter: 1}},
	{"minimal", account.Deposited{TransactionID: sampleID(2), Amount: money.MaxAmount, Currency: eur, Source: account.SourceUnspecified, BalanceAfter: money.MaxAmount}},

	{"full", account.Withdrawn{TransactionID: sampleID(3), Amount: 2_000, Currency: eur, Channel: "atm", Reference: "card *42", Metadata: sampleTexts, BalanceAfter: 10_550, HeldAfter: 2}},
	{"minimal", account.Withdrawn{TransactionID: sampleID(3), Amount: 1, Currency: eur, BalanceAfter: -money.MaxAmount}},

	{"full", account.FeeCharged{TransactionID: sampleID(4), Amount: 550, Currency: eur, Reason: "card", Reference: "2026", Metadata: sampleTexts, BalanceAfter: 10_000, HeldAfter: 3}},
	{"minimal", account.FeeCharged{TransactionID: sampleID(4), Amount: 1, Currency: eur, BalanceAfter: -1}},

	{"full", account.InterestCredited{TransactionID: sampleID(5), Amount: 25, Currency: eur, Rate: "2.5 %", Period: "2026-01", Reference: "r", Metadata: sampleTexts, BalanceAfter: 10_025, HeldAfter: 4}},
	{"minimal", account.InterestCredited{TransactionID: sampleID(5), Amount: 1, Currency: eur, BalanceAfter: 1}},
	{"full", account.InterestDebited{TransactionID: sampleID(5), Amount: 25, Currency: eur, Rate: "9 %", Period: "2026-01", Reference: "r", Metadata: sampleTexts, BalanceAfter: -25, HeldAfter: 4}},
	{"minimal", account.InterestDebited{TransactionID: sampleID(5), Amount: 1, Currency: eur, BalanceAfter: -1}},

	{"all", account.Frozen{Reason: "court order", Scope: account.FreezeAll}},
	{"debit", account.Frozen{Reason: "", Scope: account.FreezeDebit}},
	{"full", account.Unfrozen{Reason: "lifted"}},
	{"minimal", account.Unfrozen{}},
	{"full", account.Closed{Reason: "moved abroad"}},
	{"minimal", account.Closed{}},
	{"full", account.Reopened{Reason: "came back"}},
	{"minimal", account.Reopened{}},

	{"full", account.TermsChanged{OverdraftLimit: new(money.Amount(5)), OwnerName: new("Bob"), Metadata: &sampleTexts}},
	{"limit", account.TermsChanged{OverdraftLimit: new(money.Amount(0))}},
	{"name", account.TermsChanged{OwnerName: new("")}},
	{"cleared", account.TermsChanged{Metadata: &map[string]string{}}},
	{"limits", account.TermsChanged{Limits: &account.Limits{PerTransaction: 1, PerDay: 20, PerMonth: 300}}},
	{"nolimits", account.TermsChanged{Limits: &account.Limits{}}},

	{"full", account.TransferSent{TransactionID: sampleID(6), CounterpartyID: sampleID(7), Amount: 5, Currency: eur, Reference: "rent", Metadata: sampleTexts, BalanceAfter: -5, HeldAfter: 1}},
	{"minimal", account.TransferSent{TransactionID: sampleID(6), CounterpartyID: sampleID(7), Amount: 1, Currency: eur}},
	{"full", account.TransferReceived{TransactionID: sampleID(6), CounterpartyID: sampleID(1), Amount: 5, Currency: eur, Reference: "rent", Metadata: sampleTexts, BalanceAfter: 5, HeldAfter: 1}},
	{"minimal", account.TransferReceived{TransactionID: sampleID(6), CounterpartyID: sampleID(1), Amount: 1, Currency: eur, BalanceAfter: 1}},
	{"full", account.HoldPlaced{HoldID: sampleID(8), Amount: 5, Currency: eur, ExpiresAt: sampleTime, Reference: "hotel", Metadata: sampleTexts, BalanceAfter: 9, HeldAfter: 5}},
	{"payment", account.HoldPlaced{HoldID: sampleID(8), PaymentID: sampleID(9), Amount: 5, Currency: eur, BalanceAfter: 9, HeldAfter: 5}},
	{"full", account.HoldCaptured{TransactionID: sampleID(10), HoldID: sampleID(8), PaymentID: sampleID(9), Amount: 2, Currency: eur, Remaining: 1, Released: 0, Reference: "night 1", Metadata: sampleTexts, BalanceAfter: 7, HeldAfter: 1}},
	{"final", account.HoldCaptured{TransactionID: sampleID(10), HoldID: sampleID(8), Amount: 2, Currency: eur, Remaining: 0, Released: 3, BalanceAfter: 7}},
	{"full", account.HoldReleased{HoldID: sampleID(8), PaymentID: sampleID(9), Amount: 5, Currency: eur, Reason: "not needed", BalanceAfter: 9}},
	{"minimal", account.HoldReleased{HoldID: sampleID(8), Amount: 5, Currency: eur, BalanceAfter: 9}},
	{"full", account.HoldExtended{HoldID: sampleID(8), ExpiresAt: sampleTime}},
	{"full", account.HoldExpired{HoldID: sampleID(8), Amount: 5, Currency: eur, BalanceAfter: 9}},
	{"full", account.ReversalPosted{TransactionID: sampleID(11), Reverses: sampleID(6), Direction: account.Debit, CounterpartyID: sampleID(7), Amount: 5, Currency: eur, Reason: "wrong account", Metadata: sampleTexts, BalanceAfter: -5, HeldAfter: 2}},
	{"minimal", account.ReversalPosted{TransactionID: sampleID(11), Reverses: sampleID(2), Direction: account.Credit, Amount: 5, Currency: eur, BalanceAfter: 5}},
}

var sampleTime = time.Date(2026, 11, 28, 12, 30, 0, 123456000, time.UTC)

// sampleID is a UUIDv7 with a recognisable end.
func sampleID(n byte) uuid.UUID {
	return uuid.UUID{0x01, 0x98, 0xC0, 0xDE, 0xCA, 0xFE, 0x70, 0x00, 0x80, 0, 0, 0, 0, 0, 0, n}
}

// stored is what the tests of all events go through.
var stored = domaintest.Events[account.Event]{
	Samples: domaintest.Samples[account.Event](samples), Encode: account.Encode, Decode: account.Decode, Types: domaintest.Types(account.Types()), Fingerprint: account.FoldFingerprint,
}
