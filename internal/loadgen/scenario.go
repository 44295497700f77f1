package loadgen

import (
	"fmt"
	"math/bits"
)

// Scenario is who does what to which account.
type Scenario string

// The scenarios. Where nothing else is said they are deposits and withdrawals in equal parts, evenly over the accounts.
const (
	Spread     Scenario = "spread"
	Hot        Scenario = "hot"         // one account
	Zipf       Scenario = "zipf"        // the k-th account 1/k times as often as the first
	Mixed      Scenario = "mixed"       // 70 % deposits and withdrawals, 20 % reads, 10 % openings of accounts
	TwoWriters Scenario = "two-writers" // alternating between two command APIs
	Read       Scenario = "read"        // GET account
	Transfers  Scenario = "transfers"   // between any two accounts
	Bulk       Scenario = "bulk"        // in closed loop one by one, and then ten thousand in one request, again and again
)

// Scenarios lists them all.
func Scenarios() []Scenario {
	return []Scenario{Spread, Hot, Zipf, Mixed, TwoWriters, Read, Transfers, Bulk}
}

// Valid reports whether there is such a scenario.
func (s Scenario) Valid() bool {
	for _, known := range Scenarios() {
		if s == known {
			return true
		}
	}
	return false
}

func (s Scenario) reads() bool  { return s == Read || s == Mixed }
func (s Scenario) writes() bool { return s != Read }

// kind is what one request asks for.
type kind int

const (
	deposit kind = iota
	withdrawal
	open
	read
	transfer
	kinds int = iota
)

func (k kind) String() string {
	switch k {
	case deposit:
		return "deposit"
	case withdrawal:
		return "withdrawal"
	case open:
		return "open"
	case read:
		return "read"
	case transfer:
		return "transfer"
	}
	panic(fmt.Sprintf("loadgen: no kind %d", int(k)))
}

// operation is one request before it has an address and a key.
type operation struct {
	kind    kind
	account int
	other   int // of a transfer: to whom
	amount  int64
}

const (
	amountMax = 1000
	// funding outlasts 10^9 withdrawals in a row.
	funding = amountMax * 1_000_000_000
)

// mix makes the operations of a run.
type mix struct {
	scenario Scenario
	accounts uint64
	seed     uint64
	zipf     *weighted // of Zipf only
}

func newMix(scenario Scenario, accounts int, seed uint64) *mix {
	m := &mix{scenario: scenario, accounts: uint64(accounts), seed: seed} //nolint:gosec // checked to be above zero
	if scenario == Zipf {
		m.zipf = newZipf(accounts)
	}
	return m
}

// operation is the n-th of the run: the same for the same seed.
func (m *mix) operation(n uint64) operation {
	what := scramble(m.seed ^ scramble(n))
	whom := scramble(what)
	op := operation{kind: m.kind(what), amount: 1 + int64(within(whom<<32, amountMax))} //nolint:gosec // below amountMax
	if m.zipf != nil {
		op.account = m.zipf.draw(whom, scramble(whom))
	} else {
		op.account = int(within(whom, m.accounts)) //nolint:gosec // below the number of accounts
	}
	if op.kind == transfer { // any other account, each as likely
		next := 1 + within(scramble(whom), m.accounts-1)
		op.other = int((uint64(op.account) + next) % m.accounts) //nolint:gosec // below the number of accounts
	}
	return op
}

func (m *mix) kind(random uint64) kind {
	movement := kind(random & 1)
	switch m.scenario {
	case Read:
		return read
	case Transfers:
		return transfer
	case Mixed:
		switch percent := within(random, 100); {
		case percent < 70:
			return movement
		case percent < 90:
			return read
		}
		return open
	default:
		return movement
	}
}

// within maps a random number evenly to 0 ... limit-1, by its upper bits.
func within(random, limit uint64) uint64 {
	high, _ := bits.Mul64(random, limit)
	return high
}

// scramble is SplitMix64: neighbours in, unrelated numbers out, each once.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
