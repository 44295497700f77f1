package account

import (
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/internal/limit"
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

// checkText refuses a text that is not shortest to longest characters of valid UTF-8 without NUL, which Postgres cannot hold.
func checkText(field, text string, shortest, longest int) error {
	if limit.Text(text, shortest, longest) {
		return nil
	}
	return InvalidField{field, limit.TextRule(shortest, longest)}
}

func checkWord(field, text string) error { return checkText(field, text, 0, WordMax) }

func checkReference(text string) error { return checkText("reference", text, 0, ReferenceMax) }

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
