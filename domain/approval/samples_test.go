package approval_test

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"passbook/domain/approval"
	"passbook/domain/internal/domaintest"
	"passbook/domain/money"
)

// sample is an event whose bytes are kept in testdata.
type sample struct {
	Variant string
	Event   approval.Event
}

var (
	eur         = money.MustCurrency("EUR")
	sampleUntil = time.Date(2026, 11, 24, 3, 4, 5, 678901000, time.UTC)
)

// samples has every event, with all that it can hold and with as little as it can hold.
var samples = []sample{
	{"full", approval.Requested{ApprovalID: sampleID(1), AccountID: sampleID(2), Kind: "withdrawal", Command: json.RawMessage(`{"account_id":"0198c0de-cafe-7000-8000-000000000002","reference":"é < \" "}`),
		Amount: 1_000_001, Currency: eur, Threshold: 1_000_000, Maker: "ada", OwnedBy: "ada", EffectiveAt: time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC), ExpiresAt: sampleUntil}},
	{"minimal", approval.Requested{ApprovalID: sampleID(1), AccountID: sampleID(2), Kind: "k", Command: json.RawMessage(`{}`), Amount: money.MaxAmount, Currency: money.MustCurrency("JPY"), Maker: "m",
		ExpiresAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}},
	{"full", approval.Approved{By: "teller-2", Reason: "the customer was called back"}},
	{"minimal", approval.Approved{By: "teller-2"}},
	{"full", approval.Rejected{By: "teller-2", Reason: "not known to the customer \"ada\""}},
	{"full", approval.Expired{ExpiresAt: sampleUntil}},
}

// sampleID is a UUIDv7 with a recognisable end.
func sampleID(n byte) uuid.UUID {
	return uuid.UUID{0x01, 0x98, 0xC0, 0xDE, 0xCA, 0xFE, 0x70, 0x00, 0x80, 0, 0, 0, 0, 0, 0, n}
}

// stored is what the tests of all events go through.
var stored = domaintest.Events[approval.Event]{
	Samples: domaintest.Samples[approval.Event](samples), Encode: approval.Encode, Decode: approval.Decode, Types: domaintest.Types(approval.Types()), Fingerprint: approval.FoldFingerprint,
}
