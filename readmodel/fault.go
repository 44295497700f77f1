package readmodel

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/jackc/pgx/v5/pgconn"
)

// Classes of what is wrong with an event that cannot be applied.
const (
	ClassUnreadable = "unreadable"   // this code cannot read its payload
	ClassRefused    = "refused"      // the projection says that it cannot be
	ClassOutOfOrder = "out_of_order" // it does not follow the version in the account's rows
	ClassPanic      = "panic"        // the projection's code panicked: a mistake in it, most likely
	ClassDatabase   = "database"     // Postgres refused the rows
	ClassKilled     = "killed"       // the process died with it, repeatedly and alone
)

// classOf tells the class by the cause.
func classOf(cause error) string {
	var (
		version   *versionError
		panicked  *panicError
		refused   *databaseError
		unreadble *unreadableError
	)
	switch {
	case errors.As(cause, &unreadble):
		return ClassUnreadable
	case errors.As(cause, &version):
		return ClassOutOfOrder
	case errors.As(cause, &panicked):
		return ClassPanic
	case errors.As(cause, &refused):
		return ClassDatabase
	case errors.Is(cause, errKilled):
		return ClassKilled
	default:
		return ClassRefused
	}
}

// unreadableError is what the decoder says.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string { return e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

// versionError is of an event that does not follow the rows: one was lost or comes again.
type versionError struct {
	account       fmt.Stringer
	rows, version int64
}

func (e *versionError) Error() string {
	return fmt.Sprintf("account %s is at version %d in the rows, the event is version %d", e.account, e.rows, e.version)
}

// panicError is a panic in the code of a projection.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recovered turns a panic into an error. It is deferred.
func recovered(into *error) {
	if v := recover(); v != nil {
		*into = &panicError{v, debug.Stack()}
	}
}

// stackOf is the stack of a panic, for the log; empty for anything else.
func stackOf(err error) string {
	if p, ok := errors.AsType[*panicError](err); ok {
		return string(p.stack)
	}
	return ""
}

// databaseError is about rows that Postgres does not take.
type databaseError struct{ err error }

func (e *databaseError) Error() string { return e.err.Error() }
func (e *databaseError) Unwrap() error { return e.err }

// refusedRows reports whether Postgres refused what was written for what it is: data exceptions and violated constraints.
func refusedRows(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code[:2] == "22" || pgErr.Code[:2] == "23")
}

// errKilled stands for the death of the process, which leaves no other word.
var errKilled = errors.New("the process died while it was being applied, each time it was tried")
