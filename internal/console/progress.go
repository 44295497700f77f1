package console

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressEvery is how often a progress without a terminal writes a line.
const progressEvery = 5 * time.Second

// Progress shows how far something has come. It is safe for concurrent use.
type Progress struct {
	console *Console
	bar     *progressbar.ProgressBar // nil without a terminal

	mu      sync.Mutex
	what    string
	total   int64 // 0 while it is not known
	done    int64
	begun   time.Time
	initial int64 // done before it began, which is no part of the rate
	shown   time.Time
}

// Progress begins to show how far what has come, of a total that may be 0 when it is not known yet. End it.
func (c *Console) Progress(what string, total int64) *Progress {
	now := time.Now()
	p := &Progress{console: c, what: what, total: total, begun: now, shown: now}
	if c.Terminal && !c.JSON {
		p.bar = progressbar.NewOptions64(max(total, -1),
			progressbar.OptionSetWriter(c.Notes),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("events"),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionFullWidth(),
		)
	}
	return p
}

// Resume says how much had been done before this progress began: that is no part of its rate.
func (p *Progress) Resume(done int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.initial, p.done = done, done
	if p.bar != nil {
		_ = p.bar.Set64(done) // a terminal that cannot be written to is no reason to stop, here and below
	}
}

// Set says how much is done.
func (p *Progress) Set(done int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(done)
}

// Add says how much more is done.
func (p *Progress) Add(more int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.done + more)
}

// Total says how much there is to do, when that is learned later or changes.
func (p *Progress) Total(total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.total == total {
		return
	}
	p.total = total
	if p.bar != nil {
		p.bar.ChangeMax64(total)
	}
}

func (p *Progress) set(done int64) {
	p.done = done
	if p.bar != nil {
		_ = p.bar.Set64(done)
		return
	}
	if now := time.Now(); now.Sub(p.shown) >= progressEvery {
		p.shown = now
		p.line(now)
	}
}

// End shows the last state and makes room for what follows.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Set64(p.done)
		fmt.Fprintln(p.console.Notes)
		return
	}
	p.line(time.Now())
}

// progressLine is a progress for machines.
type progressLine struct {
	Progress    string  `json:"progress"`
	Done        int64   `json:"done"`
	Total       int64   `json:"total,omitempty"`
	PerSecond   float64 `json:"per_second"`
	SecondsLeft *int64  `json:"seconds_left,omitempty"` // absent while it cannot be told
}

func (p *Progress) line(now time.Time) {
	line := p.measure(now)
	if p.console.JSON {
		_ = json.NewEncoder(p.console.Notes).Encode(line)
		return
	}
	text := line.Progress + ": " + Count(line.Done)
	if line.Total > 0 {
		text += fmt.Sprintf(" of %s (%d %%)", Count(line.Total), min(line.Done*100/line.Total, 100))
	}
	text += fmt.Sprintf(", %s/s", Count(int64(line.PerSecond)))
	if line.SecondsLeft != nil {
		text += fmt.Sprintf(", %s left", time.Duration(*line.SecondsLeft)*time.Second)
	}
	fmt.Fprintln(p.console.Notes, text)
}

func (p *Progress) measure(now time.Time) progressLine {
	line := progressLine{Progress: p.what, Done: p.done, Total: p.total}
	took := now.Sub(p.begun).Seconds()
	if took <= 0 {
		return line
	}
	line.PerSecond = float64(p.done-p.initial) / took
	if line.PerSecond > 0 && p.total > 0 {
		left := int64(float64(max(p.total-p.done, 0))/line.PerSecond + 0.5)
		line.SecondsLeft = &left
	}
	return line
}

// Count writes a number with its thousands apart: 1,204,332.
func Count[N int64 | uint64](n N) string {
	digits := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
