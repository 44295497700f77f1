package account

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Limits of holds.
const (
	HoldsMax    = 200                  // open at a time on one account
	HoldTimeMax = 366 * 24 * time.Hour // from placing or extending to expiry
	endedMax    = 16                   // ended holds of which it is remembered how they ended
)

// Hold is an amount set aside, as far as it is not captured yet.
type Hold struct {
	ID        uuid.UUID    `json:"id"`
	PaymentID uuid.UUID    `json:"payment_id,omitzero"` // the payment it belongs to, if it does
	Amount    money.Amount `json:"amount"`
	PlacedAt  time.Time    `json:"placed_at"`
	ExpiresAt time.Time    `json:"expires_at,omitzero"` // zero: never
}

// expired tells whether the hold's time is over: it counts up to its expiry, not at it.
func (h Hold) expired(at time.Time) bool { return !h.ExpiresAt.IsZero() && !at.Before(h.ExpiresAt) }

// HoldEnd is how a hold ended.
type HoldEnd string

// The ends of a hold.
const (
	HoldEndUnknown  HoldEnd = "" // long ago, or there was no such hold
	HoldEndCaptured HoldEnd = "captured"
	HoldEndReleased HoldEnd = "released"
	HoldEndExpired  HoldEnd = "expired"
)

// EndedHold is one of the last holds that ended.
type EndedHold struct {
	ID  uuid.UUID `json:"id"`
	How HoldEnd   `json:"how"`
}

// Hold returns an open hold.
func (s State) Hold(id uuid.UUID) (Hold, bool) {
	for _, h := range s.Holds {
		if h.ID == id {
			return h, true
		}
	}
	return Hold{}, false
}

// NextExpiry is when the first of the open holds expires; zero when none does.
func (s State) NextExpiry() (next time.Time) {
	for _, h := range s.Holds {
		if !h.ExpiresAt.IsZero() && (next.IsZero() || h.ExpiresAt.Before(next)) {
			next = h.ExpiresAt
		}
	}
	return next
}

func (s State) ended(id uuid.UUID) (HoldEnd, bool) {
	for _, h := range s.Ended {
		if h.ID == id {
			return h.How, true
		}
	}
	return HoldEndUnknown, false
}

// expire returns the expiries that are facts by now, in the order of their placing.
func (s State) expire(at time.Time) []Event {
	var events []Event
	held := s.Held
	for _, h := range s.Holds {
		if h.expired(at) {
			held -= h.Amount
			events = append(events, HoldExpired{HoldID: h.ID, Amount: h.Amount, Currency: s.Currency, BalanceAfter: s.Balance, HeldAfter: held})
		}
	}
	return events
}

// What follows returns new slices: states share the old ones.

func (s State) withHold(h Hold) State {
	s.Holds = append(slices.Clip(slices.Clone(s.Holds)), h)
	return s
}

// changeHold puts another value in the place of a hold. A hold that is not there stays away: events are facts, also odd ones.
func (s State) changeHold(id uuid.UUID, change func(Hold) Hold) State {
	holds := slices.Clone(s.Holds)
	for i := range holds {
		if holds[i].ID == id {
			holds[i] = change(holds[i])
		}
	}
	s.Holds = holds
	return s
}

func (s State) endHold(id uuid.UUID, how HoldEnd) State {
	s.Holds = slices.DeleteFunc(slices.Clone(s.Holds), func(h Hold) bool { return h.ID == id })
	if len(s.Holds) == 0 {
		s.Holds = nil
	}
	first := max(0, len(s.Ended)+1-endedMax)
	s.Ended = append(slices.Clone(s.Ended[first:]), EndedHold{id, how})
	return s
}
