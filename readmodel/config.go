package readmodel

import (
	"errors"
	"fmt"
	"time"
)

// Config has working defaults: see DefaultConfig. Only Holder must be given.
type Config struct {
	Holder   string        // this instance's name, unique among those that run at the same time
	LeaseTTL time.Duration // how long the others wait after this instance was killed

	Batch       int           // events in one transaction, at most
	Pace        time.Duration // least time between the beginnings of two large transactions; see runner.pace
	Poll        time.Duration // how long the source may be silent before the log is looked at
	Resubscribe time.Duration // pause before a source that failed is tried again
	RetryMin    time.Duration // pause after a failure, doubled up to RetryMax while nothing is applied
	RetryMax    time.Duration

	// ParkedMax is how many accounts a generation sets aside at most. One more and it stops as a whole, because what is wrong
	// with so many is not an event.
	ParkedMax int
	Build     string // names the code that runs: what it could not apply, other code may

	TransactionMax time.Duration // of one transaction: one that takes longer is taken for lost, with its connection
}

// DefaultConfig is for any size of bank; Holder is empty.
func DefaultConfig() Config {
	return Config{
		LeaseTTL:    5 * time.Second,
		Batch:       5_000,
		Pace:        20 * time.Millisecond,
		Poll:        250 * time.Millisecond,
		Resubscribe: time.Second,
		RetryMin:    100 * time.Millisecond,
		RetryMax:    10 * time.Second,

		ParkedMax: 100,

		TransactionMax: time.Minute,
	}
}

// batchMax is what one read of the log returns at most.
const batchMax = 10_000

// Validate lists every fault at once.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("readmodel: "+format, args...))
		}
	}
	check(c.Holder != "", "no holder named for the leases")
	check(c.LeaseTTL > 0, "lease time %s is not positive", c.LeaseTTL)
	check(c.Batch > 0 && c.Batch <= batchMax, "batch %d is not 1 to %d", c.Batch, batchMax)
	check(c.Pace >= 0, "pace %s is negative", c.Pace)
	check(c.Poll > 0 && c.Resubscribe > 0, "poll %s and resubscribe %s must be positive", c.Poll, c.Resubscribe)
	check(c.ParkedMax >= 0, "parked accounts %d are negative", c.ParkedMax)
	check(c.TransactionMax > 0, "longest transaction %s is not positive", c.TransactionMax)
	check(c.RetryMin > 0 && c.RetryMax >= c.RetryMin, "retry pauses %s to %s are no range", c.RetryMin, c.RetryMax)
	return errors.Join(faults...)
}
