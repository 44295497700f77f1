package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"passbook/internal/console"
	"passbook/readmodel"
	"passbook/readmodel/doctor"
)

type doctorCommand struct {
	Repair      bool `help:"Repair what was found, after showing it and asking."`
	changeFlags `embed:""`
}

// Help is shown by --help.
func (doctorCommand) Help() string {
	return `For the time after Postgres was restored to an earlier point. It compares checkpoints, rows, marks, the JetStream stream, its consumers and
the relay's place in it with the log, event by event id, so that a log that has grown past the old positions is noticed, too. Exit code
0: everything is of this log; 4: something is not, or could not be looked at, or is left after a repair.

Examples:
  projector doctor
  projector doctor --repair
  projector doctor --repair --yes --reason 'restored the backup of 02:00'
  projector doctor --json`
}

// examination is the result, for machines.
type examination struct {
	Before doctor.Diagnosis  `json:"diagnosis"`
	Done   []string          `json:"done,omitempty"`
	After  *doctor.Diagnosis `json:"after_repair,omitempty"`
}

// Run examines, and repairs where it was asked to.
func (c doctorCommand) Run(ctx context.Context, t *terminal) error {
	m, err := t.machinery(ctx)
	if err != nil {
		return err
	}
	defer m.close()
	var stream doctor.Stream
	if m.feed != nil {
		stream = m.feed
	}
	d := doctor.New(m.pool, stream, readmodel.Projectors())
	var result examination
	if result.Before, err = d.Examine(ctx); err != nil {
		return err
	}
	if c.Repair && result.Before.Repairable() {
		if err := c.repair(ctx, t, m, d, &result); err != nil {
			return err
		}
	}
	if err := t.Result(result, func(w io.Writer) error { return writeExamination(w, &result) }); err != nil {
		return err
	}
	last := &result.Before
	if result.After != nil {
		last = result.After
	}
	if !last.Healthy() {
		return console.Different(nil)
	}
	return nil
}

func (c doctorCommand) repair(ctx context.Context, t *terminal, m *machinery, d *doctor.Doctor, result *examination) error {
	preview := console.Preview{Title: fmt.Sprintf("The log ends at %s. To be repaired:", console.Count(result.Before.Head))}
	seen := map[string]bool{}
	for _, f := range result.Before.Findings {
		preview.Lines = append(preview.Lines, f.Thing+": "+f.Problem)
	}
	for _, f := range result.Before.Findings {
		if f.Repair != "" && !seen[f.Repair] {
			seen[f.Repair] = true
			preview.Lines = append(preview.Lines, "-> "+f.Repair)
		}
	}
	return t.change(ctx, m.pool, "projector doctor", c.changeFlags, &preview, func(ctx context.Context) (string, error) {
		var err error
		if result.Done, err = d.Repair(ctx, result.Before); err != nil {
			return "", errors.Join(err, fmt.Errorf("done so far: %q", result.Done))
		}
		after, err := d.Examine(ctx)
		result.After = &after
		return strings.Join(result.Done, "; "), err
	})
}

func writeExamination(w io.Writer, e *examination) error {
	fmt.Fprintf(w, "log: ends at %s\n", console.Count(e.Before.Head))
	if err := writeDiagnosis(w, &e.Before); err != nil {
		return err
	}
	for _, done := range e.Done {
		fmt.Fprintln(w, "done:", done)
	}
	if e.After == nil {
		if e.Before.Repairable() {
			fmt.Fprintln(w, "projector doctor --repair repairs it")
		}
		return nil
	}
	return writeDiagnosis(w, e.After)
}

func writeDiagnosis(w io.Writer, d *doctor.Diagnosis) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range d.Findings {
		fmt.Fprintf(table, "%s\t%s\n", f.Thing, f.Problem)
		if f.Same > 0 {
			fmt.Fprintf(table, "\tof this log up to %s\n", console.Count(f.Same))
		}
		if f.Repair == "" {
			fmt.Fprintf(table, "\tcannot be repaired here\n")
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, what := range d.Unexamined {
		fmt.Fprintln(w, "NOT EXAMINED", what)
	}
	switch {
	case len(d.Findings) > 0:
		fmt.Fprintf(w, "%d findings: these are not of this log\n", len(d.Findings))
	case len(d.Unexamined) == 0:
		fmt.Fprintln(w, "everything is of this log")
	}
	return nil
}
