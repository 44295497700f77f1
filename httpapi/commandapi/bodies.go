package commandapi

import (
	"time"

	"github.com/google/uuid"

	"passbook/httpapi"
)

// The bodies are suspect (see httpapi.Suspect) when something that is required has its zero value, so that it may be missing,
// or when a word is not in its list.

// Suspect implements httpapi.Suspect.
func (b *OpenAccount) Suspect() bool { return b.OwnerID == "" || b.OwnerName == "" || b.Currency == "" }

// Suspect implements httpapi.Suspect.
func (b *Deposit) Suspect() bool { return b.Amount == 0 || b.Currency == "" }

// Suspect implements httpapi.Suspect.
func (b *Withdrawal) Suspect() bool { return b.Amount == 0 || b.Currency == "" }

// Suspect implements httpapi.Suspect.
func (b *Fee) Suspect() bool { return b.Amount == 0 || b.Currency == "" || b.Reason == "" }

// Suspect implements httpapi.Suspect.
func (b *Interest) Suspect() bool { return b.Amount == 0 || b.Currency == "" }

// Suspect implements httpapi.Suspect.
func (b *Freeze) Suspect() bool { return b.Reason == "" || b.Scope != nil && !b.Scope.Valid() }

// Suspect implements httpapi.Suspect.
func (b *Lifecycle) Suspect() bool { return b.Reason == "" }

// Suspect implements httpapi.Suspect.
func (b *AccountSettings) Suspect() bool {
	return b.OverdraftLimit == nil && b.OwnerName == nil && b.Metadata == nil && b.Limits == nil
}

// id returns the client's id for the account, in the one form that counts, or a new one.
func (b *OpenAccount) id() (uuid.UUID, error) {
	if b.AccountID == nil {
		return newID()
	}
	id, err := httpapi.ParseID(*b.AccountID)
	if err != nil {
		return uuid.Nil, invalid(httpapi.FieldError{Pointer: "/account_id", Code: httpapi.FieldInvalidFormat, Detail: "must be a UUID"})
	}
	*b.AccountID = id.String()
	return id, nil
}

// Value dates lie within what every reader of the log can hold, and within reason.
var (
	earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	tooLate  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// normalize brings a value date into UTC and to the microsecond, as it is kept: what is kept the same is the same request.
func normalize(at *EffectiveAt) error {
	if at.IsZero() {
		return nil
	}
	*at = at.UTC().Truncate(time.Microsecond)
	if at.Before(earliest) || !at.Before(tooLate) {
		return invalid(httpapi.FieldError{Pointer: "/effective_at", Code: httpapi.FieldInvalidValue, Detail: "must lie between 1900 and 2199"})
	}
	return nil
}
