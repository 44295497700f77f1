package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrGoalMissed means that the measurement is not within the goals.
var ErrGoalMissed = errors.New("goal missed")

// Report is a whole run.
type Report struct {
	StartedAt     time.Time        `json:"started_at"`
	Run           string           `json:"run"` // stands in the idempotency keys
	Machine       Machine          `json:"machine"`
	BankVersion   string           `json:"bank_version"`
	Configuration Configuration    `json:"configuration"`
	Limit         *Limit           `json:"limit,omitempty"`
	Result        *Measurement     `json:"result"`
	Bulk          *BulkMeasurement `json:"bulk,omitempty"` // beside the result
	Goals         []GoalResult     `json:"goals,omitempty"`
	Audit         any              `json:"audit,omitempty"`
}

// Configuration is what the run was asked for.
type Configuration struct {
	Scenario    Scenario `json:"scenario"`
	Accounts    int      `json:"accounts"`
	Seed        uint64   `json:"seed"`
	Rate        float64  `json:"rate"` // 0: closed loop, or searched
	FindLimit   bool     `json:"find_limit"`
	Connections int      `json:"connections"`
	Warmup      string   `json:"warmup"`
	Duration    string   `json:"duration"`
	Timeout     string   `json:"timeout"`
	Lag         bool     `json:"lag"`
	CommandURLs []string `json:"command_urls"`
	QueryURL    string   `json:"query_url,omitempty"`
}

func (b *bench) newReport(ctx context.Context) *Report {
	c := &b.cfg
	r := &Report{
		StartedAt: time.Now().UTC().Truncate(time.Second), Run: b.name, Machine: ThisMachine(), BankVersion: unknown,
		Configuration: Configuration{
			Scenario: c.Scenario, Accounts: c.accounts(), Seed: c.Seed, Rate: c.Rate, FindLimit: c.FindLimit != nil, Connections: c.Connections,
			Warmup: c.Warmup.String(), Duration: c.Duration.String(), Timeout: c.Timeout.String(), Lag: c.Lag, CommandURLs: c.CommandURLs,
		},
	}
	if b.reading != nil {
		r.Configuration.QueryURL = c.QueryURL
	}
	if s := b.ops.read(ctx); s != nil && s.version != "" {
		r.BankVersion = s.version
	}
	return r
}

// Check holds the result to the goals and notes each. The error names those that were missed.
func (r *Report) Check(goals []Goal) error {
	var missed []string
	for _, g := range goals {
		result := g.check(r.Result)
		r.Goals = append(r.Goals, result)
		if !result.Met {
			missed = append(missed, fmt.Sprintf("%s (measured %s)", result.Goal, number(result.Measured)))
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("%w: %s", ErrGoalMissed, strings.Join(missed, ", "))
	}
	return nil
}

// WriteJSON writes the report for machines.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
