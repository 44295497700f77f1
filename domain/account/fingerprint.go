package account

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

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
	for _, e := range fingerprintHistory() {
		s = Evolve(s, e)
		if err := states.Encode(s); err != nil {
			panic(fmt.Sprintf("account: a state is not JSON: %v", err)) // the history is fixed: this fails always or never
		}
	}
	return hex.EncodeToString(digest.Sum(nil))
})

// fingerprintHistory has different values everywhere, so that fields mixed up show. It need not be a history that Decide would allow.
func fingerprintHistory() []Event {
	eur := money.MustCurrency("EUR")
	return []Event{
		Opened{uuid.UUID{1}, "owner", "Name", eur, 1000, map[string]string{"opened": "1"}},
		Deposited{uuid.UUID{2}, 500, eur, "source", "ref 2", map[string]string{"deposited": "2"}, 510, 11},
		Withdrawn{uuid.UUID{3}, 40, eur, "channel", "ref 3", map[string]string{"withdrawn": "3"}, 470, 12},
		FeeCharged{uuid.UUID{4}, 5, eur, "reason", "ref 4", map[string]string{"charged": "4"}, 465, 13},
		InterestPosted{uuid.UUID{5}, 6, eur, "rate", "period", "ref 5", map[string]string{"posted": "5"}, 471, 14},
		InterestPosted{uuid.UUID{6}, -7, eur, "rate", "period", "ref 6", map[string]string{"posted": "6"}, 464, 15},
		Frozen{"reason", FreezeDebit},
		Frozen{"reason", FreezeAll},
		SettingsChanged{OverdraftLimit: new(money.Amount(2000))},
		Unfrozen{"reason"},
		SettingsChanged{OwnerName: new("Other Name")},
		SettingsChanged{Metadata: &map[string]string{"changed": "7"}},
		Closed{"reason"},
		Reopened{"reason"},
		SettingsChanged{OverdraftLimit: new(money.Amount(0)), OwnerName: new(""), Metadata: &map[string]string{}},
	}
}
