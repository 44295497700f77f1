package approval

import (
	"fmt"
	"time"
)

// Refusal is why a command was not accepted: a value with the data of the case, to be had with errors.As. The set is closed:
// the types of this file, as values; [Refusals] lists them.
type Refusal interface {
	error
	// Code is the refusal's name in the API, in snake_case. It never changes.
	Code() string
	isRefusal()
}

// NotFound says that the approval was never asked for.
type NotFound struct{}

// AlreadyRequested says that the approval was asked for before, with other content.
type AlreadyRequested struct{}

// ByMaker says that whoever gave the command wants to decide about it, too.
type ByMaker struct{}

// Final says that it is decided.
type Final struct{ Outcome Status }

// HasExpired says that the time to decide is over.
type HasExpired struct{ ExpiresAt time.Time }

// NotDue says that there is still time.
type NotDue struct{ ExpiresAt time.Time }

// InvalidField says that a field of the command does not have the form it must have. Field is its name in the API.
type InvalidField struct{ Field, Detail string }

// Code returns "not_found".
func (NotFound) Code() string { return "not_found" }

// Code returns "approval_exists".
func (AlreadyRequested) Code() string { return "approval_exists" }

// Code returns "approval_by_maker".
func (ByMaker) Code() string { return "approval_by_maker" }

// Code returns "approval_final".
func (Final) Code() string { return "approval_final" }

// Code returns "approval_expired".
func (HasExpired) Code() string { return "approval_expired" }

// Code returns "approval_not_due".
func (NotDue) Code() string { return "approval_not_due" }

// Code returns "invalid_parameter".
func (InvalidField) Code() string { return "invalid_parameter" }

func (NotFound) Error() string         { return "no such approval" }
func (AlreadyRequested) Error() string { return "the approval was asked for before with other content" }
func (ByMaker) Error() string {
	return "whoever gave the command cannot decide about it: another person must"
}
func (r Final) Error() string { return fmt.Sprintf("the approval is %s", r.Outcome) }

func (r HasExpired) Error() string {
	return fmt.Sprintf("the approval expired at %s", r.ExpiresAt.Format(time.RFC3339Nano))
}

func (r NotDue) Error() string {
	return fmt.Sprintf("the approval expires at %s", r.ExpiresAt.Format(time.RFC3339Nano))
}

func (r InvalidField) Error() string { return fmt.Sprintf("%s %s", r.Field, r.Detail) }

func (NotFound) isRefusal()         {}
func (AlreadyRequested) isRefusal() {}
func (ByMaker) isRefusal()          {}
func (Final) isRefusal()            {}
func (HasExpired) isRefusal()       {}
func (NotDue) isRefusal()           {}
func (InvalidField) isRefusal()     {}

// Refusals returns a value of each refusal, for tables and tests that must know them all.
func Refusals() []Refusal {
	return []Refusal{NotFound{}, AlreadyRequested{}, ByMaker{}, Final{}, HasExpired{}, NotDue{}, InvalidField{}}
}
