package console

import "errors"

// Exit codes of all binaries. docs/operations.md says the same to operators.
const (
	ExitOK          = 0 // done, stopped, or all is as it should be
	ExitFailed      = 1 // it could not be done; standard error says why
	ExitUsage       = 2 // the environment or the command line is at fault
	ExitUnconfirmed = 3 // nothing was done: it needs --yes, or the person said no
	ExitDifferent   = 4 // it was looked at, and is not as it should be
	ExitBusy        = 5 // nothing was done: somebody else is doing it
)

// ExitError is an error that ends the process with a code of its own.
type ExitError struct {
	Code int
	Err  error // nil when the result has said it all
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// Usage is an error with ExitUsage: the command line is at fault.
func Usage(err error) error { return &ExitError{ExitUsage, err} }

// Different is an error with ExitDifferent: what was looked at is not as it should be. With nil nothing more is printed.
func Different(err error) error { return &ExitError{ExitDifferent, err} }

// Busy is an error with ExitBusy: somebody else is doing it.
func Busy(err error) error { return &ExitError{ExitBusy, err} }

// ExitCode is the code that a process with this outcome ends with.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if coded, ok := errors.AsType[*ExitError](err); ok {
		return coded.Code
	}
	return ExitFailed
}
