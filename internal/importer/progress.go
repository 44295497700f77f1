package importer

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// linesMax is how many lines a progress without a terminal writes.
const linesMax = 10

// progress shows how far a count has come: as a bar on a terminal, as a line at every tenth elsewhere. It is used under
// its owner's lock.
type progress struct {
	w     io.Writer
	what  string
	total int
	count int
	bar   *progressbar.ProgressBar // nil without a terminal
}

func newProgress(w io.Writer, terminal bool, what string, total int) *progress {
	p := &progress{w: w, what: what, total: total}
	if terminal {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionFullWidth(),
		)
	}
	return p
}

func (p *progress) add(n int) {
	before := p.count
	p.count += n
	if p.bar != nil {
		_ = p.bar.Add(n) // a terminal that cannot be written to is no reason to stop
		return
	}
	if p.total > 0 && p.count*linesMax/p.total > before*linesMax/p.total {
		fmt.Fprintf(p.w, "%s of %s %s (%d %%)\n", group(p.count), group(p.total), p.what, p.count*100/p.total)
	}
}

func (p *progress) end() {
	if p.bar != nil {
		fmt.Fprintln(p.w)
	}
}
