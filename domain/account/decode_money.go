package account

// The fields below stand in the order of their schema: Go calls the functions of a composite literal from left to right.

func readDeposited(c *canonical) Deposited {
	return Deposited{
		TransactionID: c.id("transaction_id"),
		Amount:        c.amount("amount"),
		Currency:      c.currency("currency"),
		Source:        c.text("source"),
		Reference:     c.optionalText("reference"),
		Metadata:      c.optionalMap("metadata"),
		BalanceAfter:  c.amount("balance_after"),
		HeldAfter:     c.amount("held_after"),
	}
}

func readWithdrawn(c *canonical) Withdrawn {
	return Withdrawn{
		TransactionID: c.id("transaction_id"),
		Amount:        c.amount("amount"),
		Currency:      c.currency("currency"),
		Channel:       c.optionalText("channel"),
		Reference:     c.optionalText("reference"),
		Metadata:      c.optionalMap("metadata"),
		BalanceAfter:  c.amount("balance_after"),
		HeldAfter:     c.amount("held_after"),
	}
}

func readFeeCharged(c *canonical) FeeCharged {
	return FeeCharged{
		TransactionID: c.id("transaction_id"),
		Amount:        c.amount("amount"),
		Currency:      c.currency("currency"),
		Reason:        c.text("reason"),
		Reference:     c.optionalText("reference"),
		Metadata:      c.optionalMap("metadata"),
		BalanceAfter:  c.amount("balance_after"),
		HeldAfter:     c.amount("held_after"),
	}
}

func readInterestCredited(c *canonical) InterestCredited {
	return InterestCredited{
		TransactionID: c.id("transaction_id"),
		Amount:        c.amount("amount"),
		Currency:      c.currency("currency"),
		Rate:          c.optionalText("rate"),
		Period:        c.optionalText("period"),
		Reference:     c.optionalText("reference"),
		Metadata:      c.optionalMap("metadata"),
		BalanceAfter:  c.amount("balance_after"),
		HeldAfter:     c.amount("held_after"),
	}
}

func readInterestDebited(c *canonical) InterestDebited {
	return InterestDebited(readInterestCredited(c))
}

func readTransferSent(c *canonical) TransferSent {
	return TransferSent{
		TransactionID:  c.id("transaction_id"),
		CounterpartyID: c.id("counterparty_id"),
		Amount:         c.amount("amount"),
		Currency:       c.currency("currency"),
		Reference:      c.optionalText("reference"),
		Metadata:       c.optionalMap("metadata"),
		BalanceAfter:   c.amount("balance_after"),
		HeldAfter:      c.amount("held_after"),
	}
}

func readTransferReceived(c *canonical) TransferReceived {
	return TransferReceived(readTransferSent(c))
}

func readHoldCaptured(c *canonical) HoldCaptured {
	return HoldCaptured{
		TransactionID: c.id("transaction_id"),
		HoldID:        c.id("hold_id"),
		PaymentID:     c.optionalID("payment_id"),
		Amount:        c.amount("amount"),
		Currency:      c.currency("currency"),
		Remaining:     c.amount("remaining"),
		Released:      c.amount("released"),
		Reference:     c.optionalText("reference"),
		Metadata:      c.optionalMap("metadata"),
		BalanceAfter:  c.amount("balance_after"),
		HeldAfter:     c.amount("held_after"),
	}
}

func readHoldReleased(c *canonical) HoldReleased {
	return HoldReleased{
		HoldID:       c.id("hold_id"),
		PaymentID:    c.optionalID("payment_id"),
		Amount:       c.amount("amount"),
		Currency:     c.currency("currency"),
		Reason:       c.text("reason"),
		BalanceAfter: c.amount("balance_after"),
		HeldAfter:    c.amount("held_after"),
	}
}

func readReversalPosted(c *canonical) ReversalPosted {
	return ReversalPosted{
		TransactionID:  c.id("transaction_id"),
		Reverses:       c.id("reverses"),
		Direction:      Direction(c.text("direction")),
		CounterpartyID: c.optionalID("counterparty_id"),
		Amount:         c.amount("amount"),
		Currency:       c.currency("currency"),
		Reason:         c.text("reason"),
		Metadata:       c.optionalMap("metadata"),
		BalanceAfter:   c.amount("balance_after"),
		HeldAfter:      c.amount("held_after"),
	}
}
