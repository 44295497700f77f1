package payment

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Limits of the texts in a command, in Unicode characters, and of its metadata.
const (
	CreditorNameMax    = 140 // and at least 1
	CreditorAccountMax = 64  // and at least 1
	WordMax            = 100 // by, reason, a gateway's code
	ReferenceMax       = 200
	GatewayTextMax     = 200 // a gateway's reference or reason; what is longer is cut
	MetadataMax        = 20  // entries
	MetadataKeyMax     = 40  // and at least 1
	MetadataValueMax   = 500
)

// How far ahead a deadline may lie.
const (
	DeadlineDefault = 24 * time.Hour
	DeadlineMax     = 30 * 24 * time.Hour
)

// firstFault returns the first of the faults that is one.
func firstFault(faults ...error) error {
	for _, fault := range faults {
		if fault != nil {
			return fault
		}
	}
	return nil
}

// checkText refuses a text that is not shortest to longest characters of valid UTF-8 without NUL, which Postgres cannot hold.
func checkText(field, text string, shortest, longest int) error {
	if fits(text, shortest, longest) {
		return nil
	}
	return InvalidField{field, fmt.Sprintf("must be %d to %d characters of valid UTF-8 without NUL", shortest, longest)}
}

func fits(text string, shortest, longest int) bool {
	if len(text) < shortest || !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return false
	}
	return len(text) <= longest || utf8.RuneCountInString(text) <= longest
}

// cut makes a text that is not ours fit: an answer is not refused for its wording, or its money would be held for ever.
func cut(text string, longest int) string {
	if fits(text, 0, longest) {
		return text
	}
	clean := []rune(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD"))
	return string(clean[:min(len(clean), longest)])
}

// checkMetadata does not name the faulty key: which one a walk of the map meets first would differ from call to call.
func checkMetadata(metadata map[string]string) error {
	if len(metadata) > MetadataMax {
		return InvalidField{"metadata", fmt.Sprintf("must have at most %d entries", MetadataMax)}
	}
	for key, value := range metadata {
		if !fits(key, 1, MetadataKeyMax) || !fits(value, 0, MetadataValueMax) {
			return InvalidField{"metadata", fmt.Sprintf("must have keys of 1 to %d and values of at most %d characters of valid UTF-8 without NUL",
				MetadataKeyMax, MetadataValueMax)}
		}
	}
	return nil
}

func checkID(field string, id uuid.UUID) error {
	if id == uuid.Nil {
		return InvalidField{field, "must be a UUID other than zero"}
	}
	return nil
}

func checkCurrency(currency money.Currency) error {
	if currency.IsZero() {
		return InvalidField{"currency", "must be a currency"}
	}
	return nil
}

func checkAmount(amount money.Amount) error {
	if amount < 1 || amount > money.MaxAmount {
		return AmountOutOfRange{Amount: amount, Min: 1, Max: money.MaxAmount}
	}
	return nil
}

// checkDeadline is about a deadline that was given.
func checkDeadline(deadline, at time.Time) error {
	if !deadline.After(at) || deadline.After(at.Add(DeadlineMax)) {
		return InvalidField{"deadline", fmt.Sprintf("must lie in the next %d days", DeadlineMax/(24*time.Hour))}
	}
	return nil
}
