package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// WriteText prints the run for people.
func (r *Run) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n%s\n\n", r.setting(), r.yardsticks())
	for _, t := range []*table{r.figures(), r.lags(), r.costs()} {
		if len(t.rows) > 0 {
			b.WriteString(t.text() + "\n")
		}
	}
	for name, reason := range r.LeftOut {
		fmt.Fprintf(&b, "%s was left out: %s\n", name, reason)
	}
	for _, v := range r.Goals {
		fmt.Fprintf(&b, "%s: %s\n", v.Title, v)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON keeps everything, round by round, in a file.
func (r *Run) WriteJSON(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644) //nolint:gosec // pages of the documentation are for everybody
}

// The markers between which a page's figures stand. What is outside them is written by hand.
const (
	begin = "<!-- figures: written by the program, see above -->"
	end   = "<!-- end of figures -->"
)

var errNoMarkers = errors.New("it has no place for figures: the markers " + begin + " and " + end)

// WriteInto replaces the figures of a page.
func (r *Run) WriteInto(path string) error {
	page, err := os.ReadFile(path) //nolint:gosec // the page that whoever runs it names
	if err != nil {
		return err
	}
	updated, err := insert(string(page), r.Markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(updated), 0o644) //nolint:gosec // pages of the documentation are for everybody
}

func insert(page, block string) (string, error) {
	before, rest, ok := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		return "", errNoMarkers
	}
	return before + begin + "\n\n" + strings.TrimSpace(block) + "\n\n" + end + after, nil
}

// Markdown is the block of figures.
func (r *Run) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n`%s`\n\n%s\n\n", r.setting(), r.Command, r.yardsticks())
	for _, t := range []*table{r.goals(), r.figures(), r.lags(), r.costs()} {
		if len(t.rows) > 0 {
			b.WriteString(t.markdown() + "\n")
		}
	}
	for name, reason := range r.LeftOut {
		reason, _, _ = strings.Cut(reason, "\n")
		fmt.Fprintf(&b, "%s was left out: %s\n\n", name, reason)
	}
	return b.String()
}

// setting says where and when it was, and under which settings of the server.
func (r *Run) setting() string {
	m := r.Machine
	words := []string{
		r.Started.UTC().Format("2006-01-02 15:04 UTC"), "commit " + r.Commit,
		fmt.Sprintf("%s, %d cores, %.0f GiB", m.CPU, m.Cores, float64(m.MemoryBytes)/(1<<30)), "kernel " + m.Kernel,
		fmt.Sprintf("%s, 8 KiB written and synced in %s µs", m.Filesystem, number(m.SyncMicros)), m.GoVersion,
	}
	others := fmt.Sprintf("others used %s %% of the processors meanwhile, the hypervisor took %s %%", number(100*r.Others.Used), number(100*r.Others.Stolen))
	settings := []string{"Postgres " + r.Server["server_version"]}
	for name := range r.Server {
		if name != "server_version" {
			settings = append(settings, name+" "+r.Server[name])
		}
	}
	slices.Sort(settings)
	return strings.Join(slices.DeleteFunc(append(append(words, settings...), others), func(s string) bool { return s == "" }), "; ") + "."
}

func (r *Run) yardsticks() string {
	return fmt.Sprintf("%d rounds of %s s a measurement, everybody in turn in each; median (least-greatest) of the rounds. "+
		"The yardstick of writes is pgbench's INSERT with 64 clients, of reads its SELECT with 8, both over TCP; ratios are taken within a round.",
		r.Rounds, number(r.Seconds))
}
