package account

import (
	"github.com/google/uuid"

	"passbook/domain/money"
)

func (e TransferSent) payload() []byte {
	return encodeTransfer(e.TransactionID, e.CounterpartyID, e.Amount, e.Currency, e.Reference, e.Metadata, e.BalanceAfter, e.HeldAfter)
}

func (e TransferReceived) payload() []byte {
	return encodeTransfer(e.TransactionID, e.CounterpartyID, e.Amount, e.Currency, e.Reference, e.Metadata, e.BalanceAfter, e.HeldAfter)
}

func encodeTransfer(id, counterparty uuid.UUID, amount money.Amount, currency money.Currency, reference string, metadata map[string]string,
	balance, held money.Amount,
) []byte {
	return newObject().
		id("transaction_id", id).
		id("counterparty_id", counterparty).
		amount("amount", amount).
		currency("currency", currency).
		optionalText("reference", reference).
		optionalMap("metadata", metadata).
		amount("balance_after", balance).
		amount("held_after", held).
		end()
}

func (e HoldPlaced) payload() []byte {
	return newObject().
		id("hold_id", e.HoldID).
		optionalID("payment_id", e.PaymentID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		optionalTime("expires_at", e.ExpiresAt).
		optionalText("reference", e.Reference).
		optionalMap("metadata", e.Metadata).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}

func (e HoldCaptured) payload() []byte {
	return newObject().
		id("transaction_id", e.TransactionID).
		id("hold_id", e.HoldID).
		optionalID("payment_id", e.PaymentID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		amount("remaining", e.Remaining).
		amount("released", e.Released).
		optionalText("reference", e.Reference).
		optionalMap("metadata", e.Metadata).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}

func (e HoldReleased) payload() []byte {
	return newObject().
		id("hold_id", e.HoldID).
		optionalID("payment_id", e.PaymentID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		text("reason", e.Reason).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}

func (e HoldExpired) payload() []byte {
	return newObject().
		id("hold_id", e.HoldID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}

func (e ReversalPosted) payload() []byte {
	return newObject().
		id("transaction_id", e.TransactionID).
		id("reverses", e.Reverses).
		text("direction", string(e.Direction)).
		optionalID("counterparty_id", e.CounterpartyID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		text("reason", e.Reason).
		optionalMap("metadata", e.Metadata).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}
