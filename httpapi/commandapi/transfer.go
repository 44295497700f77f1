package commandapi

import (
	"github.com/google/uuid"

	"passbook/domain/bank"
	"passbook/httpapi"
)

// Suspect implements httpapi.Suspect.
func (b *Transfer) Suspect() bool {
	return b.SourceAccountID == "" || b.TargetAccountID == "" || b.Amount == 0 || b.Currency == ""
}

// transferMoney moves money between two accounts.
func transferMoney(b *Transfer) (order, error) {
	amount, err := newMoney(b.Amount, b.Currency)
	if err != nil {
		return order{}, err
	}
	source, err := accountIn("/source_account_id", &b.SourceAccountID)
	if err != nil {
		return order{}, err
	}
	target, err := accountIn("/target_account_id", &b.TargetAccountID)
	if err != nil {
		return order{}, err
	}
	id, err := newID()
	return order{command: bank.Transfer{
		TransactionID: id, SourceID: source, TargetID: target, Money: amount, Reference: b.Reference, Metadata: b.Metadata,
	}}, err
}

// accountIn reads an id in a body and brings it into the one form that counts.
func accountIn(pointer string, text *string) (uuid.UUID, error) {
	id, err := httpapi.ParseID(*text)
	if err != nil {
		return uuid.Nil, invalid(httpapi.FieldError{Pointer: pointer, Code: httpapi.FieldInvalidFormat, Detail: "must be a UUID"})
	}
	*text = id.String()
	return id, nil
}
