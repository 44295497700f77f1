package clearing

import (
	"hash/fnv"
	"strings"
	"time"

	"passbook/domain/payment"
)

// Rates is a plan by shares of all payments. Which payments they are hangs on their ids alone.
type Rates struct {
	Delay      time.Duration
	Reject     float64 // rejected
	Silent     float64 // nothing is ever heard of
	Late       float64 // settled and told of only after the time that the instruction names
	Duplicate  float64 // told three times
	Contradict float64 // told otherwise afterwards
}

// Words in a payment's reference that have the house behave in a way, whatever the rates: for a try by hand.
const (
	WordReject     = "clearing:reject"
	WordSilent     = "clearing:silent"
	WordLate       = "clearing:late"
	WordDuplicate  = "clearing:duplicate"
	WordContradict = "clearing:contradict"
	WordForget     = "clearing:forget"
)

// RejectCode is the code of what is rejected by a rate or a word: ISO 20022's for a closed account.
const RejectCode = "AC04"

// Plan is the plan by these rates.
func (r Rates) Plan() Plan {
	return func(in payment.Instruction) Behaviour {
		asked := func(word string, share float64, salt string) bool {
			return strings.Contains(in.Reference, word) || chance(in, salt) < share
		}
		b := Behaviour{Delay: r.Delay}
		if asked(WordReject, r.Reject, "reject") {
			b.Reject = RejectCode
		}
		if asked(WordLate, r.Late, "late") {
			b.Silence, b.IgnoresDeadline = time.Until(in.SettleBefore)+lateBy, true
		}
		if asked(WordSilent, r.Silent, "silent") {
			b.Silence = Forever
		}
		if asked(WordDuplicate, r.Duplicate, "duplicate") {
			b.Copies = 2
		}
		b.Contradicts = asked(WordContradict, r.Contradict, "contradict")
		b.Forgets = strings.Contains(in.Reference, WordForget)
		return b
	}
}

// lateBy is how long after the deadline a late answer comes: after the bank's grace, too.
const lateBy = 30 * time.Second

// chance is a number from 0 to 1, evenly spread over payments.
func chance(in payment.Instruction, salt string) float64 {
	h := fnv.New64a()
	_, _ = h.Write(append(in.PaymentID[:], salt...)) // a hash takes everything
	const steps = 1 << 20
	return float64(mix(h.Sum64())%steps) / steps
}

// mix spreads the last bits, which in FNV hang on the last bytes too much.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}
