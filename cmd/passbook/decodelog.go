package main

import (
	"context"
	"errors"

	"passbook/eventstore"
	"passbook/internal/console"
	"passbook/internal/decodelog"
	"passbook/internal/eventcodec"
)

type decodeLogCommand struct {
	logFlags `embed:""`
	From     int64 `default:"1" placeholder:"POSITION" help:"Begin at this position, such as behind the last run."`
	Faults   int   `default:"100" help:"List at most so many faults; all are counted."`
}

// Help is shown by --help.
func (decodeLogCommand) Help() string {
	return `It is for the binary that is about to be deployed: it reads the log of the bank that runs, and may run beside it. Exit code 0: every event
is read and every stream folds; 4: the faults are listed; 1: it could not look.

Examples:
  passbook decode-log --database-url postgres://bank/passbook
  passbook decode-log --from 1200000 --json`
}

// Run reads the log and reports.
func (c decodeLogCommand) Run(ctx context.Context, t terminal) error {
	if c.From < 1 || c.Faults < 1 {
		return console.Usage(errors.New("--from and --faults must be at least 1"))
	}
	codec, err := eventcodec.New()
	if err != nil {
		return err
	}
	pool, err := c.open(ctx, t, "decode-log")
	if err != nil {
		return err
	}
	defer pool.Close()
	terminal := c.console(t)
	progress := terminal.Progress("decode the log", 0)
	report, err := decodelog.Run(ctx, eventstore.New(pool), codec, decodelog.Options{
		From: c.From, FaultsMax: c.Faults, Progress: func(done, total int64) { progress.Total(total); progress.Set(done) },
	})
	progress.End()
	if err != nil {
		return err
	}
	if err := terminal.Result(report, report.WriteText); err != nil {
		return err
	}
	if !report.OK() {
		return console.Different(nil)
	}
	return nil
}
