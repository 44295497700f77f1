package main

import (
	"context"

	"passbook/internal/auditor"
	"passbook/internal/console"
	"passbook/internal/eventcodec"
)

type verifyCommand struct {
	Differences int `default:"100" help:"List at most so many differences; all are counted."`
}

// Help is shown by --help.
func (verifyCommand) Help() string {
	return `It reads in one transaction and may run while the bank is open. Exit code 0: log and read models agree; 4: they do not, the
differences are listed.

Examples:
  projector verify
  projector verify --json`
}

// Run compares and reports.
func (c verifyCommand) Run(ctx context.Context, t *terminal) error {
	pool, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	codec, err := eventcodec.New()
	if err != nil {
		return err
	}
	report, err := auditor.Verify(ctx, pool, codec, auditor.Options{DifferencesMax: c.Differences})
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
