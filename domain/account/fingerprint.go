package account

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
	at := time.Date(2026, 1, 30, 12, 0, 0, 0, time.UTC)
	for _, e := range fingerprintHistory() {
		at = at.Add(9 * time.Hour) // over days and into another month
		s = Evolve(s, e, at)
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
		InterestCredited{uuid.UUID{5}, 6, eur, "rate", "period", "ref 5", map[string]string{"posted": "5"}, 471, 14},
		InterestDebited{uuid.UUID{6}, 7, eur, "rate", "period", "ref 6", map[string]string{"posted": "6"}, 464, 15},
		Frozen{"reason", FreezeDebit},
		Frozen{"reason", FreezeAll},
		TermsChanged{OverdraftLimit: new(money.Amount(2000))},
		Unfrozen{"reason"},
		TermsChanged{OwnerName: new("Other Name")},
		TermsChanged{Metadata: &map[string]string{"changed": "7"}},
		Closed{"reason"},
		Reopened{"reason"},
		TermsChanged{OverdraftLimit: new(money.Amount(0)), OwnerName: new(""), Metadata: &map[string]string{}},
		TermsChanged{Limits: &Limits{PerTransaction: 100, PerDay: 200, PerMonth: 300}},
		TransferSent{uuid.UUID{7}, uuid.UUID{8}, 9, eur, "ref 7", nil, 441, 16},
		TransferReceived{uuid.UUID{9}, uuid.UUID{10}, 11, eur, "ref 9", nil, 452, 17},
		HoldPlaced{uuid.UUID{11}, uuid.UUID{}, 50, eur, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "ref 11", nil, 452, 67},
		HoldPlaced{uuid.UUID{12}, uuid.UUID{13}, 60, eur, time.Time{}, "ref 12", nil, 452, 127},
		HoldPlaced{uuid.UUID{14}, uuid.UUID{}, 70, eur, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), "ref 14", nil, 452, 197},
		HoldExtended{uuid.UUID{11}, time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)},
		HoldCaptured{uuid.UUID{15}, uuid.UUID{11}, uuid.UUID{}, 20, eur, 30, 0, "ref 15", nil, 432, 177},
		HoldCaptured{uuid.UUID{16}, uuid.UUID{11}, uuid.UUID{}, 10, eur, 0, 20, "ref 16", nil, 422, 147},
		HoldReleased{uuid.UUID{12}, uuid.UUID{13}, 60, eur, "reason", 422, 87},
		HoldExpired{uuid.UUID{14}, 70, eur, 422, 17},
		ReversalPosted{uuid.UUID{17}, uuid.UUID{2}, Debit, uuid.UUID{}, 12, eur, "reason", nil, 410, 18},
		ReversalPosted{uuid.UUID{18}, uuid.UUID{3}, Credit, uuid.UUID{19}, 13, eur, "reason", nil, 423, 19},
	}
}
