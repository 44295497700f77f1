package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"passbook/internal/auditor"
	"passbook/internal/console"
	"passbook/internal/eventcodec"
	"passbook/readmodel"
)

type verifyCommand struct {
	Name        string `arg:"" optional:"" help:"The projection to verify; all of them without."`
	Generation  int    `placeholder:"N" help:"Another generation than the live one, of the projection that is named."`
	Differences int    `default:"100" help:"List at most so many differences; all are counted."`
}

// Help is shown by --help.
func (verifyCommand) Help() string {
	return `It reads in one transaction and may run while the bank is open. Each projection that is proven has a sentence to be quoted: which events
it has applied, and a hash of the rows that those events make. Exit code 0: log and read models agree; 4: they do not, the differences
are listed.

Examples:
  projector verify
  projector verify balances
  projector verify balances --generation 1
  projector verify --json`
}

// Run compares and reports.
func (c verifyCommand) Run(ctx context.Context, t *terminal) error {
	options := auditor.Options{DifferencesMax: c.Differences}
	if c.Name != "" {
		if !slices.Contains(auditor.Projections(), c.Name) {
			return console.Usage(fmt.Errorf("there is no projection %q; there are %s", c.Name, strings.Join(auditor.Projections(), ", ")))
		}
		options.Projections = []string{c.Name}
	}
	pool, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	if c.Generation > 0 {
		if c.Name == "" {
			return console.Usage(fmt.Errorf("--generation %d of which projection?", c.Generation))
		}
		generations, _, err := readmodel.LoadGenerations(ctx, pool, c.Name)
		if err != nil {
			return err
		}
		found := slices.IndexFunc(generations, func(g readmodel.Generation) bool { return g.Number == c.Generation })
		if found < 0 {
			return console.Usage(fmt.Errorf("%s has no generation %d", c.Name, c.Generation))
		}
		options.Place = string(generations[found].Place)
	}
	codec, err := eventcodec.New()
	if err != nil {
		return err
	}
	progress := t.Progress("fold the log", 0)
	options.Progress = func(done, total int64) {
		progress.Total(total)
		progress.Set(done)
	}
	report, err := auditor.Verify(ctx, pool, codec, options)
	if err == nil {
		options.Progress(report.Events, report.Events)
	}
	progress.End()
	if err != nil {
		return err
	}
	if err := t.Result(report, report.WriteText); err != nil {
		return err
	}
	if !report.OK() {
		return console.Different(nil)
	}
	return nil
}
