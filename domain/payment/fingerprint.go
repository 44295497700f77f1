package payment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// FoldFingerprint identifies how events fold into a state and what a state looks like as JSON. A snapshot taken under another
// fingerprint must not be used. It is the hex SHA-256 of the states met while folding a fixed history that holds every event
// in its variants, so it changes when Evolve treats one of them differently or State gains, loses or renames a field.
func FoldFingerprint() string { return foldFingerprint() }

var foldFingerprint = sync.OnceValue(func() string {
	digest := sha256.New()
	states := json.NewEncoder(digest)
	var s State
	for i, e := range fingerprintHistory() {
		s = Evolve(s, e, time.Unix(int64(i+1)*1000, 0).UTC())
		if err := states.Encode(s); err != nil {
			panic(fmt.Sprintf("payment: a state is not JSON: %v", err)) // the history is fixed: this fails always or never
		}
	}
	return hex.EncodeToString(digest.Sum(nil))
})

// fingerprintHistory has different values everywhere, so that fields mixed up show. It need not be a history that Decide would allow.
func fingerprintHistory() []Event {
	eur := money.MustCurrency("EUR")
	return []Event{
		Requested{uuid.UUID{1}, uuid.UUID{2}, uuid.UUID{3}, 400, eur, Creditor{"name", "account", "agent"}, "ref 5", map[string]string{"requested": "6"}, time.Unix(7, 0).UTC()},
		Submitted{"gateway 8"},
		MarkedStuck{"reason 9"},
		Pushed{"by 10", "reason 11"},
		MarkedStuck{"reason 12"},
		Settled{"gateway 13"},
		AnswerContradicted{StatusSettled, StatusRejected, "gateway 14", "code 15", "reason 16"},
		Settled{},
		MarkedStuck{"reason 17"},
		Rejected{"code 18", "reason 19"},
		TimedOut{time.Unix(20, 0).UTC()},
		AnswerContradicted{StatusTimedOut, StatusSettled, "gateway 21", "code 22", "reason 23"},
		Cancelled{"by 24", "reason 25"},
		Requested{PaymentID: uuid.UUID{26}, Metadata: map[string]string{}},
	}
}
