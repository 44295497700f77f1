package auditor

import (
	"fmt"
	"io"

	"github.com/google/uuid"

	"passbook/internal/console"
)

// Report is the outcome of one verification.
type Report struct {
	Head             int64              `json:"head"` // last position of the log
	Events           int64              `json:"events"`
	Accounts         int64              `json:"accounts"`
	Projections      []ProjectionReport `json:"projections"`
	Differences      []Difference       `json:"differences"`       // the first ones
	DifferencesTotal int64              `json:"differences_total"` // all
}

// ProjectionReport is about one projection. Hash is of the fold of the events 1 to Position: wherever the same log was folded
// to the same position it is the same.
type ProjectionReport struct {
	Name       string `json:"name"`
	Generation int    `json:"generation"`
	Position   int64  `json:"position"`
	Rows       int64  `json:"rows"` // expected
	Hash       string `json:"hash"` // hex of SHA-256

	Differences int64 `json:"differences"` // between its table and the expected rows

	Parked  []Parked  `json:"parked"`
	Skipped []Skipped `json:"skipped"`
}

// Difference is one thing that is not as it should be.
type Difference struct {
	Check     string    `json:"check"`      // which of the Check constants
	AccountID uuid.UUID `json:"account_id"` // of the stream, Nil when it is about the whole log
	Position  int64     `json:"position"`   // of the event or row, 0 when it is about none
	Detail    string    `json:"detail"`
}

// What a difference is about.
const (
	CheckPositions    = "positions"
	CheckRecordedAt   = "recorded_at"
	CheckHead         = "head"
	CheckEventID      = "event_id"
	CheckTransaction  = "transaction_id"
	CheckVersions     = "versions"
	CheckPayload      = "payload"
	CheckLifecycle    = "lifecycle"
	CheckCurrency     = "currency"
	CheckBalanceAfter = "balance_after"
	CheckHeldAfter    = "held_after"
	CheckLimit        = "limit"
	CheckHold         = "hold"
	CheckTransfer     = "transfer"
	CheckReversal     = "reversal"
	CheckPayment      = "payment"
	CheckApproval     = "approval"
	CheckConservation = "conservation"
	CheckCheckpoint   = "checkpoint"
	CheckBalances     = "balances"
	CheckTimeline     = "timeline"
	CheckOwners       = "owners"
	CheckHolds        = "holds"
	CheckPayments     = "payments"
	CheckApprovals    = "approvals"
)

func (d Difference) String() string {
	return fmt.Sprintf("%s: account %s, position %d: %s", d.Check, d.AccountID, d.Position, d.Detail)
}

// OK reports whether everything is as it should be.
func (r Report) OK() bool { return r.DifferencesTotal == 0 }

// proof is the sentence to be quoted. Where the same log was folded to the same position it has the same hash.
func (p ProjectionReport) proof() string {
	events := "no events"
	if p.Position > 0 {
		events = "exactly events 1.." + console.Count(p.Position)
	}
	if p.Differences > 0 {
		return fmt.Sprintf("%s has NOT applied %s: %d rows differ (generation %d)", p.Name, events, p.Differences, p.Generation)
	}
	return fmt.Sprintf("%s has applied %s: generation %d, %s rows, sha256 %s", p.Name, events, p.Generation, console.Count(p.Rows), p.Hash)
}

// parked counts accounts, by projection.
func (r Report) parked() int {
	n := 0
	for _, p := range r.Projections {
		n += len(p.Parked)
	}
	return n
}

// WriteText prints the report for people.
func (r Report) WriteText(w io.Writer) error {
	lines := []string{fmt.Sprintf("log: %d events of %d accounts, head %d", r.Events, r.Accounts, r.Head)}
	for _, p := range r.Projections {
		lines = append(lines, p.proof())
		lines = append(lines, p.lines()...)
	}
	for _, d := range r.Differences {
		lines = append(lines, d.String())
	}
	if unlisted := r.DifferencesTotal - int64(len(r.Differences)); unlisted > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", unlisted))
	}
	verdict := "verified: log and read models agree"
	if parked := r.parked(); parked > 0 {
		verdict = fmt.Sprintf("verified: log and read models agree, but for what is parked: %d", parked)
	}
	if !r.OK() {
		verdict = fmt.Sprintf("NOT VERIFIED: %d differences", r.DifferencesTotal)
	}
	for _, line := range append(lines, verdict) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// differences collects at most max of them and counts the rest.
type differences struct {
	max   int
	list  []Difference
	total int64
	// counts is all of them, by check; nil where nobody asks.
	counts map[string]int64
}

func (d *differences) add(check string, id uuid.UUID, position int64, format string, args ...any) {
	d.total++
	if d.counts != nil {
		d.counts[check]++
	}
	if len(d.list) < d.max {
		d.list = append(d.list, Difference{check, id, position, fmt.Sprintf(format, args...)})
	}
}
