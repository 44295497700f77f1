package relay

import (
	"errors"
	"fmt"
	"time"
)

// Config has working defaults: see DefaultConfig.
type Config struct {
	MaxAge      time.Duration // messages older than this are discarded; 0 for never
	MaxBytes    int64         // the oldest messages are discarded beyond this size; -1 for no limit
	Duplicates  time.Duration // how long JetStream remembers event ids, in its memory: for what is sent twice; the stream's end tells the rest
	Replicas    int           // copies of the stream in a cluster
	BackfillMax int64         // how far before the head an empty stream begins

	Batch      int           // events read at once
	Window     int           // messages under way at once
	AckEvery   int           // one message in so many at least is acknowledged, and with it those before it
	Pace       time.Duration // least time between two reads of the log while many events come
	Poll       time.Duration // how often an idle relay looks at the log
	Check      time.Duration // how often an idle relay looks at the stream
	AckTimeout time.Duration // a message not acknowledged by then has failed
	Timeout    time.Duration // of one request to the server, such as for the last message
	RetryMin   time.Duration // pause after a failure, doubled up to RetryMax while nothing succeeds
	RetryMax   time.Duration
}

// DefaultConfig is for one node and the consumers of one bank.
func DefaultConfig() Config {
	return Config{
		MaxAge:      72 * time.Hour,
		MaxBytes:    1 << 30,
		Duplicates:  10 * time.Second,
		Replicas:    1,
		BackfillMax: 1_000_000,
		Batch:       1_000,
		Window:      4_000,
		AckEvery:    250,
		Pace:        10 * time.Millisecond,
		Poll:        25 * time.Millisecond,
		Check:       5 * time.Second,
		AckTimeout:  5 * time.Second,
		Timeout:     2 * time.Second,
		RetryMin:    50 * time.Millisecond,
		RetryMax:    time.Second,
	}
}

// Validate lists every fault at once.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("relay: "+format, args...))
		}
	}
	check(c.MaxAge >= 0, "maximum age %s is negative", c.MaxAge)
	check(c.MaxBytes == -1 || c.MaxBytes > 0, "maximum size %d is neither positive nor -1", c.MaxBytes)
	check(c.Duplicates > 0, "duplicate window %s is not positive", c.Duplicates)
	check(c.MaxAge == 0 || c.Duplicates <= c.MaxAge, "duplicate window %s exceeds the maximum age %s", c.Duplicates, c.MaxAge)
	check(c.Replicas >= 1 && c.Replicas <= 5, "%d replicas are not 1 to 5", c.Replicas)
	check(c.BackfillMax >= 0, "backfill %d is negative", c.BackfillMax)
	check(c.Batch > 0, "batch %d is not positive", c.Batch)
	check(c.Window >= c.Batch, "window %d is smaller than the batch %d", c.Window, c.Batch)
	check(c.AckEvery > 0, "an acknowledgement every %d messages is none", c.AckEvery)
	check(c.Pace >= 0, "pace %s is negative", c.Pace)
	check(c.Poll > 0 && c.Check > 0, "poll %s and check %s must be positive", c.Poll, c.Check)
	check(c.AckTimeout > 0 && c.Timeout > 0, "ack timeout %s and timeout %s must be positive", c.AckTimeout, c.Timeout)
	check(c.RetryMin > 0 && c.RetryMax >= c.RetryMin, "retry pauses %s to %s are no range", c.RetryMin, c.RetryMax)
	return errors.Join(faults...)
}
