package main

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"passbook/eventstore"
	"passbook/internal/casefile"
	"passbook/internal/console"
	"passbook/internal/eventcodec"
	"passbook/internal/replay"
)

type replayCommand struct {
	logFlags `embed:""`
	Account  uuid.UUID `required:"" placeholder:"ID" help:"The account."`
	Until    string    `placeholder:"TIME|VERSION" help:"End with what was booked by this time (RFC 3339), or after this version."`
}

// Help is shown by --help.
func (replayCommand) Help() string {
	return `For each event of the account: what it says, who caused it, and what it changed. With --json a line an event, with the whole state
after it. Exit code 4: an event cannot be read or does not follow; what comes before it is shown.

Examples:
  passbook replay --account 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e
  passbook replay --account 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e --until 2026-11-21T12:00:00Z
  passbook replay --account 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e --until 17 --json`
}

// Run writes each step as soon as it is made.
func (c replayCommand) Run(ctx context.Context, t terminal) error {
	until, err := replay.ParseUntil(c.Until)
	if err != nil {
		return console.Usage(err)
	}
	codec, err := eventcodec.New()
	if err != nil {
		return err
	}
	pool, err := c.open(ctx, t, "replay")
	if err != nil {
		return err
	}
	defer pool.Close()
	out := c.console(t)
	err = replay.Run(ctx, eventstore.New(pool), codec, c.Account, until, func(s *replay.Step) error {
		return out.Line(s.Document(), s.WriteText)
	})
	if _, unread := errors.AsType[*replay.EventError](err); unread {
		return console.Different(err)
	}
	return err
}

type captureCommand struct {
	DatabaseURL string    `help:"The bank's database ($$DATABASE_URL)." placeholder:"URL"`
	Account     uuid.UUID `required:"" placeholder:"ID" help:"The account."`
	Redact      bool      `help:"Replace names, references, reasons, metadata and every other text of people; amounts, times and ids stay."`
}

// Help is shown by --help.
func (captureCommand) Help() string {
	return `The stored events of the account as JSON, an event a line, for a test to replay (package internal/casetest). It has no metadata of the
envelope: no actors, no idempotency keys, no traces. Without --redact it has what customers wrote.

Examples:
  passbook capture --account 01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e --redact > case.json`
}

// Run writes the case to standard output.
func (c captureCommand) Run(ctx context.Context, t terminal) error {
	pool, err := logFlags{DatabaseURL: c.DatabaseURL}.open(ctx, t, "capture")
	if err != nil {
		return err
	}
	defer pool.Close()
	captured, err := casefile.Capture(ctx, eventstore.New(pool), c.Account)
	if err != nil {
		return err
	}
	if c.Redact {
		if err := captured.Redact(); err != nil {
			return err
		}
	}
	return captured.Write(t.stdout)
}
