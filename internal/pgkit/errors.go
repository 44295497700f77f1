package pgkit

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATE codes and classes that decide something here.
const (
	uniqueViolation            = "23505"
	checkViolation             = "23514"
	insufficientPrivilege      = "42501"
	statementCompletionUnknown = "40003"
	classConnection            = "08"
	classResources             = "53"
	classOperator              = "57P"
)

var retryableStates = map[string]bool{
	"40001": true, // serialization_failure
	"40P01": true, // deadlock_detected
	"55P03": true, // lock_not_available
	"25006": true, // read_only_sql_transaction: the server was demoted, its successor will take the write
	"25P03": true, // idle_in_transaction_session_timeout
}

// SQLState returns the code the server gave, or "" when the error did not come from the server.
func SQLState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

// UniqueViolation reports whether a unique key refused the statement, and which.
func UniqueViolation(err error) (constraint string, ok bool) {
	return violated(err, uniqueViolation)
}

// CheckViolation reports whether a CHECK constraint refused the statement, and which.
func CheckViolation(err error) (constraint string, ok bool) {
	return violated(err, checkViolation)
}

func violated(err error, code string) (constraint string, ok bool) {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.Code != code {
		return "", false
	}
	return pgErr.ConstraintName, true
}

// InsufficientPrivilege reports whether the role was not allowed to do it.
func InsufficientPrivilege(err error) bool {
	return SQLState(err) == insufficientPrivilege
}

// IsRetryable reports whether the same work may succeed when it is done again: the connection was lost or refused, the
// server is starting, stopping or out of room, or another transaction was in the way. It does not say that the work was
// not done: see OutcomeUnknown. A cancelled or expired context is the caller's own end, never retryable by itself.
func IsRetryable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return retryableStates[pgErr.Code] || connectionState(pgErr.Code) || strings.HasPrefix(pgErr.Code, classResources)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return !errors.Is(err, context.DeadlineExceeded) && connectionLost(err)
}

// OutcomeUnknown reports, for the error of a COMMIT or of a statement that commits by itself, whether the server may have
// committed all the same. The rule is to doubt: only an error the server sent for the transaction, or one raised before
// anything was sent, is certain. Whoever gets true must look (an idempotency key) before doing the work again.
func OutcomeUnknown(err error) bool {
	if err == nil || errors.Is(err, pgx.ErrTxCommitRollback) || errors.Is(err, pgx.ErrTxClosed) {
		return false
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		// A session that is being ended may get its FATAL between its commit and the answer to it.
		return pgErr.Code == statementCompletionUnknown || connectionState(pgErr.Code) || isFatal(pgErr)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false
	}
	// pgconn.SafeToRetry is no help: a connection that breaks between a COMMIT and its answer comes back as "conn closed",
	// which it calls safe (MultiResultReader.NextResult drops the first error).
	return true
}

func isFatal(err *pgconn.PgError) bool {
	return err.SeverityUnlocalized == "FATAL" || err.SeverityUnlocalized == "PANIC"
}

func connectionState(code string) bool {
	return strings.HasPrefix(code, classConnection) || strings.HasPrefix(code, classOperator)
}

// connectionLost: everything the network can say, and pgx's own words for a connection that was already gone.
func connectionLost(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) {
		return true
	}
	var netErr net.Error
	return errors.As(err, &netErr) || pgconn.SafeToRetry(err)
}
