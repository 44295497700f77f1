package approval

import (
	"time"

	"github.com/google/uuid"

	"passbook/domain/internal/limit"
	"passbook/domain/internal/payload"
	"passbook/domain/money"
)

// Limits of the texts in a command, in Unicode characters, and of the time to decide.
const (
	NameMax   = 255 // of who asks or decides, and at least 1
	ReasonMax = 100 // and of a rejection at least 1
	TimeMax   = 366 * 24 * time.Hour
)

// checkText refuses a text that is not shortest to longest characters of valid UTF-8 without NUL, which Postgres cannot hold.
func checkText(field, text string, shortest, longest int) error {
	return invalidUnless(limit.Text(text, shortest, longest), field, limit.TextRule(shortest, longest))
}

func invalidUnless(holds bool, field, detail string) error {
	if holds {
		return nil
	}
	return InvalidField{field, detail}
}

// wrong is what is wrong with a request that is made at a time.
func (c Request) wrong(at time.Time) error {
	return limit.First(
		invalidUnless(c.ApprovalID != uuid.Nil, "approval_id", "must be a UUID other than zero"),
		invalidUnless(c.AccountID != uuid.Nil, "account_id", "must be a UUID other than zero"),
		invalidUnless(c.Kind != "" && payload.IsObject(c.Command), "command", "must be a command"),
		invalidUnless(!c.Money.Currency.IsZero(), "currency", "must be a currency"),
		invalidUnless(c.Money.Amount > 0 && c.Money.Amount <= money.MaxAmount && c.Threshold >= 0 && c.Threshold < c.Money.Amount, "amount", "must be above the threshold"),
		checkText("maker", c.Maker, 1, NameMax), checkText("owned_by", c.OwnedBy, 0, NameMax),
		invalidUnless(c.ExpiresAt.After(at) && !c.ExpiresAt.After(at.Add(TimeMax)), "expires_at", "must lie in the next year"))
}
