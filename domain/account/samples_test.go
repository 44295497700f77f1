package account_test

import (
	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// sample is an event whose bytes are kept in testdata.
type sample struct {
	variant string
	event   account.Event
}

var sampleTexts = map[string]string{"branch": "7", "añadido": "\"é\" \\ / <&> \u2028 😀", "empty": ""}

// samples has every event, with all that it can hold and with as little as it can hold.
var samples = []sample{
	{"full", account.Opened{AccountID: sampleID(1), OwnerID: "owner-1", OwnerName: "Ada \"the first\" Lovelace", Currency: eur, OverdraftLimit: 100_000, Metadata: sampleTexts}},
	{"minimal", account.Opened{AccountID: sampleID(1), OwnerID: "o", Currency: money.MustCurrency("JPY")}},

	{"full", account.Deposited{TransactionID: sampleID(2), Amount: 12_550, Currency: eur, Source: "cash", Reference: "slip 4711\n", Metadata: sampleTexts, BalanceAfter: 12_550, HeldAfter: 1}},
	{"minimal", account.Deposited{TransactionID: sampleID(2), Amount: money.MaxAmount, Currency: eur, BalanceAfter: money.MaxAmount}},

	{"full", account.Withdrawn{TransactionID: sampleID(3), Amount: 2_000, Currency: eur, Channel: "atm", Reference: "card *42", Metadata: sampleTexts, BalanceAfter: 10_550, HeldAfter: 2}},
	{"minimal", account.Withdrawn{TransactionID: sampleID(3), Amount: 1, Currency: eur, BalanceAfter: -money.MaxAmount}},

	{"full", account.FeeCharged{TransactionID: sampleID(4), Amount: 550, Currency: eur, Reason: "card", Reference: "2026", Metadata: sampleTexts, BalanceAfter: 10_000, HeldAfter: 3}},
	{"minimal", account.FeeCharged{TransactionID: sampleID(4), Amount: 1, Currency: eur, BalanceAfter: -1}},

	{"full", account.InterestPosted{TransactionID: sampleID(5), Amount: 25, Currency: eur, Rate: "2.5 %", Period: "2026-01", Reference: "r", Metadata: sampleTexts, BalanceAfter: 10_025, HeldAfter: 4}},
	{"penalty", account.InterestPosted{TransactionID: sampleID(5), Amount: -25, Currency: eur, Rate: "9 %", BalanceAfter: -25}},
	{"minimal", account.InterestPosted{TransactionID: sampleID(5), Amount: 1, Currency: eur, BalanceAfter: 1}},

	{"all", account.Frozen{Reason: "court order", Scope: account.FreezeAll}},
	{"debit", account.Frozen{Reason: "", Scope: account.FreezeDebit}},
	{"full", account.Unfrozen{Reason: "lifted"}},
	{"minimal", account.Unfrozen{}},
	{"full", account.Closed{Reason: "moved abroad"}},
	{"minimal", account.Closed{}},
	{"full", account.Reopened{Reason: "came back"}},
	{"minimal", account.Reopened{}},

	{"full", account.SettingsChanged{OverdraftLimit: new(money.Amount(5)), OwnerName: new("Bob"), Metadata: &sampleTexts}},
	{"limit", account.SettingsChanged{OverdraftLimit: new(money.Amount(0))}},
	{"name", account.SettingsChanged{OwnerName: new("")}},
	{"cleared", account.SettingsChanged{Metadata: &map[string]string{}}},
}

// sampleID is a UUIDv7 with a recognisable end.
func sampleID(n byte) uuid.UUID {
	return uuid.UUID{0x01, 0x98, 0xC0, 0xDE, 0xCA, 0xFE, 0x70, 0x00, 0x80, 0, 0, 0, 0, 0, 0, n}
}
