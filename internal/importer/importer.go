// Package importer replays a bank's statement file through the command API, and checks afterwards that the bank's day-end
// balances are the file's.
//
// The whole file is read and checked first; a malformed one sends nothing. Rows of an account are sent one after another
// in the order of the file; accounts take turns, several at a time. Each row has an idempotency key made from its
// reference, so an import that was cut short is finished by running it again, and a complete one changes nothing. (Keys
// belong to the caller: another subject's token would import a second time.)
//
// A row that the bank refuses by its rules (422) is listed and the rest goes on; any other failure ends the import.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"passbook/client"
	"passbook/domain/money"
)

// Options of an import. Out and Notes must not be nil.
type Options struct {
	Currency    money.Currency
	Overdraft   money.Amount // limit of the accounts that are opened
	Concurrency int          // accounts worked on at a time
	Verify      bool         // compare the day-end balances afterwards

	Out      io.Writer // the summary, refusals and differences
	Notes    io.Writer // progress
	Terminal bool      // whether Notes is a terminal, which gets a bar instead of lines
}

// concurrencyMax bounds the connections to the bank.
const concurrencyMax = 1024

var (
	// ErrRefused means that the bank refused rows. They are listed in Report.Refusals.
	ErrRefused = errors.New("rows were refused")
	// ErrDifferent means that day-end balances differ from the file's. They are listed in Report.Differences.
	ErrDifferent = errors.New("day-end balances differ from the file")
)

// Report is what an import did.
type Report struct {
	Rows     int // in the file
	Accounts int
	Sent     int // rows that were answered, Replayed and Refusals among them
	Replayed int // rows that had been imported before
	Refusals []Refusal
	Took     time.Duration // sending, without reading and verifying

	refusedRows int // more than the refusals when an account could not be opened

	Days        int // balances that were compared
	Differences Differences
}

// Refusal is a row, or the opening of an account (then Line is of its first row), that the bank refused.
type Refusal struct {
	Account string
	Line    int
	Reason  string
}

// Run imports the file at path and writes a summary, also of an import that was cut short. The error is nil when every
// row stands in the bank and, with Verify, every balance is the file's; otherwise it wraps ErrRefused, ErrDifferent or what
// cut it short.
func Run(ctx context.Context, bank *client.Client, path string, o Options) (Report, error) {
	if o.Concurrency < 1 || o.Concurrency > concurrencyMax {
		return Report{}, fmt.Errorf("concurrency %d is not between 1 and %d", o.Concurrency, concurrencyMax)
	}
	statement, err := readFile(path, o.Currency)
	if err != nil {
		return Report{}, err
	}
	report := Report{Rows: statement.Rows, Accounts: len(statement.Accounts)}
	if err := send(ctx, bank, statement, o, &report); err != nil {
		report.writeSent(o.Out)
		return report, fmt.Errorf("import stopped after %d of %d rows: %w", report.Sent, report.Rows, err)
	}
	report.writeSent(o.Out)
	failures := []error{report.refused()}
	if o.Verify {
		failures = append(failures, verifyAndTell(ctx, bank, statement, o, &report))
	}
	return report, errors.Join(failures...)
}

func readFile(path string, currency money.Currency) (*Statement, error) {
	file, err := os.Open(path) //nolint:gosec // the file that the operator wants imported
	if err != nil {
		return nil, err
	}
	defer file.Close()
	statement, err := Read(file, currency)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return statement, nil
}

func (r *Report) refused() error {
	if len(r.Refusals) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d", ErrRefused, len(r.Refusals))
}

func verifyAndTell(ctx context.Context, bank *client.Client, statement *Statement, o Options, report *Report) error {
	if err := verify(ctx, bank, statement, o, report); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	report.writeVerified(o.Out)
	if report.Differences.Total > 0 {
		return fmt.Errorf("%w: %d", ErrDifferent, report.Differences.Total)
	}
	return nil
}
