package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"
)

// Config of a run. Rate, Warmup, Lag, Acks, Database and the URLs that the scenario does not need may be zero.
type Config struct {
	CommandURLs []string // two for TwoWriters, else one
	QueryURL    string   // for Read, Mixed and Lag
	OpsURLs     []string // where the bank's processes have their metrics, if they can be reached
	Token       string
	TLS         *tls.Config // what https:// is connected with; nil: the authorities of the system, and no certificate is shown

	Scenario    Scenario
	Accounts    int // of Hot there is one, whatever stands here
	Seed        uint64
	Rate        float64 // arrivals a second; 0: each connection as fast as it is answered
	Connections int     // with a rate: at most so many in flight
	Warmup      time.Duration
	Duration    time.Duration
	Timeout     time.Duration // of one request
	Lag         bool          // follow commands into the read models
	FindLimit   *LimitConfig  // nil: one load at Rate

	Acks     *AckLog  // nil: acknowledgements are not kept
	Database Database // nil: what is written is not known
	Notes    io.Writer
}

// Database says how much a server has written so far.
type Database interface {
	Written(ctx context.Context) (Written, error)
}

// Written is since the server was set up; the differences count.
type Written struct {
	WALBytes  int64
	DiskBytes int64 // of the bank's database
}

const (
	connectionsMax = 20_000
	accountsMax    = 10_000_000
	rateMax        = 10_000_000
	shortest       = 100 * time.Millisecond // a load that says anything at all
)

// Validate lists everything that is wrong.
func (c *Config) Validate() error {
	writers := 1
	if c.Scenario == TwoWriters {
		writers = 2
	}
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Scenario.Valid(), "there is no scenario %q, but %v", c.Scenario, Scenarios())
	check(len(c.CommandURLs) == writers, "scenario %s needs %d command APIs, not %d", c.Scenario, writers, len(c.CommandURLs))
	check(c.QueryURL != "" || !c.Scenario.reads() && !c.Lag, "a query API is needed")
	check(!c.Lag || c.Scenario.writes(), "scenario %s has no commands whose lag could be measured", c.Scenario)
	check(c.Scenario != Transfers || c.Accounts >= 2, "scenario %s needs two accounts at least", c.Scenario)
	check(c.Scenario != Bulk || c.Rate == 0 && c.FindLimit == nil && !c.Lag, "scenario %s is in closed loop (--rate 0), without limit or lag", c.Scenario)
	check(c.Accounts >= 1 && c.Accounts <= accountsMax, "accounts: %d is not between 1 and %d", c.Accounts, accountsMax)
	check(c.Connections >= writers && c.Connections <= connectionsMax, "connections: %d is not between %d and %d", c.Connections, writers, connectionsMax)
	check(c.Rate == 0 || c.Rate >= 0.1 && c.Rate <= rateMax, "rate: %v is neither 0 nor between 0.1 and %d a second", c.Rate, rateMax)
	check(c.Duration >= shortest, "duration: %v is less than %v", c.Duration, shortest)
	check(c.Warmup >= 0, "warm-up: %v is negative", c.Warmup)
	check(c.Timeout >= 10*time.Millisecond, "timeout: %v is less than 10 ms", c.Timeout)
	if c.FindLimit != nil {
		faults = append(faults, c.FindLimit.validate()...)
	}
	return errors.Join(faults...)
}

func (c *Config) accounts() int {
	if c.Scenario == Hot {
		return 1
	}
	return c.Accounts
}
