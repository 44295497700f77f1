package payment_test

import (
	"time"

	"github.com/google/uuid"

	"passbook/domain/internal/domaintest"
	"passbook/domain/money"
	"passbook/domain/payment"
)

// sample is an event whose bytes are kept in testdata.
type sample struct {
	Variant string
	Event   payment.Event
}

var sampleTexts = map[string]string{"branch": "7", "añadido": "\"é\" \\ / <&> \u2028 😀", "empty": ""}

var sampleDeadline = time.Date(2026, 11, 22, 3, 4, 5, 678901000, time.UTC)

// samples has every event, with all that it can hold and with as little as it can hold.
var samples = []sample{
	{"full", payment.Requested{PaymentID: sampleID(1), AccountID: sampleID(2), HoldID: sampleID(3), Amount: 12_550, Currency: eur,
		Creditor:  payment.Creditor{Name: "Ada \"the first\" Lovelace & Sons", Account: "DE89370400440532013000", Agent: "COBADEFFXXX"},
		Reference: "invoice 4711\n", Metadata: sampleTexts, Deadline: sampleDeadline}},
	{"minimal", payment.Requested{PaymentID: sampleID(1), AccountID: sampleID(2), HoldID: sampleID(3), Amount: money.MaxAmount, Currency: money.MustCurrency("JPY"),
		Creditor: payment.Creditor{Name: "A", Account: "1"}, Deadline: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}},
	{"full", payment.Submitted{GatewayReference: "CH-000017"}},
	{"minimal", payment.Submitted{}},
	{"full", payment.Settled{GatewayReference: "CH-000017"}},
	{"minimal", payment.Settled{}},
	{"full", payment.Rejected{Code: "AC04", Reason: "the creditor's account is closed"}},
	{"minimal", payment.Rejected{}},
	{"full", payment.TimedOut{Deadline: sampleDeadline}},
	{"full", payment.Cancelled{By: "operator-7", Reason: "sent twice"}},
	{"minimal", payment.Cancelled{By: "o"}},
	{"full", payment.Pushed{By: "operator-7", Reason: "the line is up again"}},
	{"minimal", payment.Pushed{By: "o"}},
	{"full", payment.MarkedStuck{Reason: "8 attempts in vain: no responders"}},
	{"minimal", payment.MarkedStuck{}},
	{"settled", payment.AnswerContradicted{Outcome: payment.StatusTimedOut, Answer: payment.StatusSettled, GatewayReference: "CH-000017"}},
	{"rejected", payment.AnswerContradicted{Outcome: payment.StatusSettled, Answer: payment.StatusRejected, Code: "AC04", Reason: "closed"}},
}

// sampleID is a UUIDv7 with a recognisable end.
func sampleID(n byte) uuid.UUID {
	return uuid.UUID{0x01, 0x98, 0xC0, 0xDE, 0xCA, 0xFE, 0x70, 0x00, 0x80, 0, 0, 0, 0, 0, 0, n}
}

// stored is what the tests of all events go through.
var stored = domaintest.Events[payment.Event]{
	Samples: domaintest.Samples[payment.Event](samples), Encode: payment.Encode, Decode: payment.Decode, Types: domaintest.Types(payment.Types()), Fingerprint: payment.FoldFingerprint,
}
