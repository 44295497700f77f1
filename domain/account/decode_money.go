package account

// The fields below stand in the order of their schema: Go calls the functions of a composite literal from left to right.

func readDeposited(c *canonical) Deposited {
	return Deposited{
		TransactionID: c.id("transaction_id"),
		Amount:        c.amount("amount"),
		Currency:      c.currency("currency"),
		Source:        c.optionalText("source"),
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

func readInterestPosted(c *canonical) InterestPosted {
	return InterestPosted{
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
