package importer

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// refusalsMax is how many refusals the summary lists; the rest are counted.
const refusalsMax = 50

func (r *Report) writeSent(w io.Writer) {
	fmt.Fprintf(w, "%s of %s rows on %s accounts in %v (%s rows/s): %s new, %s replayed, %s refused\n",
		group(r.Sent), group(r.Rows), group(r.Accounts), r.Took.Round(time.Millisecond), group(r.rate()),
		group(r.Sent-r.Replayed-r.refusedRows), group(r.Replayed), group(r.refusedRows))
	for i, refusal := range r.Refusals {
		if i == refusalsMax {
			fmt.Fprintf(w, "  and %s more\n", group(len(r.Refusals)-refusalsMax))
			break
		}
		fmt.Fprintf(w, "  refused: line %d, account %s: %s\n", refusal.Line, refusal.Account, refusal.Reason)
	}
}

func (r *Report) rate() int {
	if r.Took <= 0 {
		return 0
	}
	return int(float64(r.Sent) / r.Took.Seconds())
}

func (r *Report) writeVerified(w io.Writer) {
	d := r.Differences
	if d.Total == 0 {
		fmt.Fprintf(w, "verified %s day-end balances of %s accounts: no difference\n", group(r.Days), group(r.Accounts))
		return
	}
	fmt.Fprintf(w, "verified %s day-end balances of %s accounts: %s differ\n", group(r.Days), group(r.Accounts), group(d.Total))
	for _, one := range d.List {
		fmt.Fprintf(w, "  %s\n", one)
	}
	if more := d.Total - len(d.List); more > 0 {
		fmt.Fprintf(w, "  and %s more\n", group(more))
	}
}

// group writes a count with thousands separated: 25,692.
func group(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
