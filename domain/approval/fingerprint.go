package approval

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

// FoldFingerprint identifies how events fold into a state and what a state looks like as JSON: see account.FoldFingerprint.
func FoldFingerprint() string { return foldFingerprint() }

var foldFingerprint = sync.OnceValue(func() string {
	digest := sha256.New()
	states := json.NewEncoder(digest)
	var s State
	for i, e := range fingerprintHistory() {
		s = Evolve(s, e, time.Unix(int64(i+1)*1000, 0).UTC())
		if err := states.Encode(s); err != nil {
			panic(fmt.Sprintf("approval: a state is not JSON: %v", err)) // the history is fixed: this fails always or never
		}
	}
	return hex.EncodeToString(digest.Sum(nil))
})

// fingerprintHistory has different values everywhere, so that fields mixed up show. It need not be a history that Decide would allow.
func fingerprintHistory() []Event {
	return []Event{
		Requested{uuid.UUID{1}, uuid.UUID{2}, "kind 3", json.RawMessage(`{"command":4}`), 500, money.MustCurrency("EUR"), 60, "maker 7", "owner 8", time.Unix(9, 0).UTC(), time.Unix(10, 0).UTC()},
		Approved{"by 11", "reason 16"},
		Rejected{"by 12", "reason 13"},
		Expired{time.Unix(14, 0).UTC()},
		Requested{ApprovalID: uuid.UUID{15}},
	}
}
