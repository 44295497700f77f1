package eventcodec

// Every money event begins with the same members in the same order, written without blanks.
const (
	transaction = `{"transaction_id":"`
	amount      = `","amount":`
	currency    = `,"currency":"`

	idBytes     = 36
	beginAmount = len(transaction) + idBytes + len(amount)
)

// amountAt returns where the amount of a money event begins that is laid out as all of them were written. Two bytes can be
// read from there.
func amountAt(data []byte) (at int, ok bool) {
	if len(data) < beginAmount+2 || string(data[:len(transaction)]) != transaction || string(data[len(transaction)+idBytes:beginAmount]) != amount {
		return 0, false
	}
	return beginAmount, true
}

// behindCurrency returns where the currency of such an event ends.
func behindCurrency(data []byte) (at int, ok bool) {
	at, ok = amountAt(data)
	if !ok {
		return 0, false
	}
	for at < len(data) && isDigit(data[at], '0') {
		at++
	}
	if end := at + currencyBytes; end < len(data) && string(data[at:at+len(currency)]) == currency && data[end-1] == '"' {
		return end, true
	}
	return 0, false
}

func insert(data []byte, at int, text string) []byte {
	longer := make([]byte, 0, len(data)+len(text))
	longer = append(longer, data[:at]...)
	longer = append(longer, text...)
	return append(longer, data[at:]...)
}

func cut(data []byte, at, n int) []byte {
	shorter := make([]byte, 0, len(data)-n)
	shorter = append(shorter, data[:at]...)
	return append(shorter, data[at+n:]...)
}
