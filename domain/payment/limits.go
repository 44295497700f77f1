package payment

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"passbook/domain/internal/limit"
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

// checkText refuses a text that is not shortest to longest characters of valid UTF-8 without NUL, which Postgres cannot hold.
func checkText(field, text string, shortest, longest int) error {
	if limit.Text(text, shortest, longest) {
		return nil
	}
	return InvalidField{field, limit.TextRule(shortest, longest)}
}

// cut makes a text that is not ours fit: an answer is not refused for its wording, or its money would be held for ever.
func cut(text string, longest int) string {
	if limit.Text(text, 0, longest) {
		return text
	}
	clean := []rune(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD"))
	return string(clean[:min(len(clean), longest)])
}

var metadataLimits = limit.Entries{Most: MetadataMax, Key: MetadataKeyMax, Value: MetadataValueMax}

func checkMetadata(metadata map[string]string) error {
	if fault := metadataLimits.Fault(metadata); fault != "" {
		return InvalidField{"metadata", fault}
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
