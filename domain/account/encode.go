package account

import "fmt"

// Encode returns the wire name, the schema and the payload of an event: the same bytes for the same event every time, the
// fields in the order of their schema, metadata by key. It panics on an event outside the set, nil included.
func Encode(e Event) (typ string, schema int, data []byte) {
	switch e := e.(type) {
	case Opened:
		return TypeOpened, schemaOpened, e.payload()
	case Deposited:
		return TypeDeposited, schemaDeposited, e.payload()
	case Withdrawn:
		return TypeWithdrawn, schemaWithdrawn, e.payload()
	case FeeCharged:
		return TypeFeeCharged, schemaFeeCharged, e.payload()
	case InterestCredited:
		return TypeInterestCredited, schemaInterestCredited, e.payload()
	case InterestDebited:
		return TypeInterestDebited, schemaInterestDebited, InterestCredited(e).payload()
	case Frozen:
		return TypeFrozen, schemaFrozen, newObject().text("reason", e.Reason).text("scope", string(e.Scope)).end()
	case Unfrozen:
		return TypeUnfrozen, schemaUnfrozen, newObject().text("reason", e.Reason).end()
	case Closed:
		return TypeClosed, schemaClosed, newObject().text("reason", e.Reason).end()
	case Reopened:
		return TypeReopened, schemaReopened, newObject().text("reason", e.Reason).end()
	case TermsChanged:
		return TypeTermsChanged, schemaTermsChanged, e.payload()
	case TransferSent:
		return TypeTransferSent, schemaTransferSent, e.payload()
	case TransferReceived:
		return TypeTransferReceived, schemaTransferReceived, e.payload()
	case HoldPlaced:
		return TypeHoldPlaced, schemaHoldPlaced, e.payload()
	case HoldCaptured:
		return TypeHoldCaptured, schemaHoldCaptured, e.payload()
	case HoldReleased:
		return TypeHoldReleased, schemaHoldReleased, e.payload()
	case HoldExtended:
		return TypeHoldExtended, schemaHoldExtended, newObject().id("hold_id", e.HoldID).time("expires_at", e.ExpiresAt).end()
	case HoldExpired:
		return TypeHoldExpired, schemaHoldExpired, e.payload()
	case ReversalPosted:
		return TypeReversalPosted, schemaReversalPosted, e.payload()
	}
	panic(fmt.Sprintf("account: no encoding for event %T", e))
}

func (e Opened) payload() []byte {
	return newObject().
		id("account_id", e.AccountID).
		text("owner_id", e.OwnerID).
		text("owner_name", e.OwnerName).
		currency("currency", e.Currency).
		amount("overdraft_limit", e.OverdraftLimit).
		optionalMap("metadata", e.Metadata).
		end()
}

func (e Deposited) payload() []byte {
	return newObject().
		id("transaction_id", e.TransactionID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		text("source", e.Source).
		optionalText("reference", e.Reference).
		optionalMap("metadata", e.Metadata).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}

func (e Withdrawn) payload() []byte {
	return newObject().
		id("transaction_id", e.TransactionID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		optionalText("channel", e.Channel).
		optionalText("reference", e.Reference).
		optionalMap("metadata", e.Metadata).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}

func (e FeeCharged) payload() []byte {
	return newObject().
		id("transaction_id", e.TransactionID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		text("reason", e.Reason).
		optionalText("reference", e.Reference).
		optionalMap("metadata", e.Metadata).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}

func (e InterestCredited) payload() []byte {
	return newObject().
		id("transaction_id", e.TransactionID).
		amount("amount", e.Amount).
		currency("currency", e.Currency).
		optionalText("rate", e.Rate).
		optionalText("period", e.Period).
		optionalText("reference", e.Reference).
		optionalMap("metadata", e.Metadata).
		amount("balance_after", e.BalanceAfter).
		amount("held_after", e.HeldAfter).
		end()
}

func (e TermsChanged) payload() []byte {
	o := newObject()
	if e.OverdraftLimit != nil {
		o = o.amount("overdraft_limit", *e.OverdraftLimit)
	}
	if e.OwnerName != nil {
		o = o.text("owner_name", *e.OwnerName)
	}
	if e.Metadata != nil {
		o = o.textMap("metadata", *e.Metadata)
	}
	if e.Limits != nil {
		o = o.limits("limits", *e.Limits)
	}
	return o.end()
}
