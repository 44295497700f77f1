package account

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Limits of the texts in a command, in Unicode characters, and of its metadata.
const (
	OwnerIDMax       = 128 // and at least 1
	OwnerNameMax     = 200
	WordMax          = 100 // source, channel, reason, rate, period
	ReferenceMax     = 200
	MetadataMax      = 20 // entries
	MetadataKeyMax   = 40 // and at least 1
	MetadataValueMax = 500
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

func checkWord(field, text string) error { return checkText(field, text, 0, WordMax) }

func checkReference(text string) error { return checkText("reference", text, 0, ReferenceMax) }

func fits(text string, shortest, longest int) bool {
	if len(text) < shortest || !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return false
	}
	return len(text) <= longest || utf8.RuneCountInString(text) <= longest
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

func checkDirection(direction Direction) error {
	if direction != Credit && direction != Debit {
		return InvalidField{"direction", fmt.Sprintf("must be %q or %q", Credit, Debit)}
	}
	return nil
}

func checkScope(scope FreezeScope) error {
	if scope != FreezeAll && scope != FreezeDebit {
		return InvalidField{"scope", fmt.Sprintf("must be %q or %q", FreezeAll, FreezeDebit)}
	}
	return nil
}
