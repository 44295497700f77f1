package importer

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"passbook/domain/money"
)

// parseRow reads one record and returns the account's number beside it. Texts are copied: the reader reuses the record.
func parseRow(record []string, currency money.Currency) (number string, row Row, err error) {
	if len(record) != len(columns) {
		return "", Row{}, fmt.Errorf("%d columns, not %d", len(record), len(columns))
	}
	for i, text := range record {
		if err := checkText(text); err != nil {
			return "", Row{}, fmt.Errorf("%s: %w", columns[i], err)
		}
	}
	number = strings.Clone(record[0])
	row = Row{
		Reference:           strings.Clone(record[2]),
		Kind:                strings.Clone(record[3]),
		CounterpartyBank:    strings.Clone(record[5]),
		CounterpartyAccount: strings.Clone(record[6]),
		Memo:                strings.Clone(record[7]),
	}
	if err := checkName(number); err != nil {
		return "", Row{}, fmt.Errorf("account: %w", err)
	}
	if err := checkName(row.Reference); err != nil {
		return "", Row{}, fmt.Errorf("reference: %w", err)
	}
	if _, known := kinds[row.Kind]; !known {
		return "", Row{}, fmt.Errorf("kind: %q is unknown", row.Kind)
	}
	if row.BookedOn, err = time.Parse(time.DateOnly, record[1]); err != nil {
		return "", Row{}, fmt.Errorf("booked_on: %q is no date (YYYY-MM-DD)", record[1])
	}
	if err := row.parseAmounts(record[4], record[8], currency); err != nil {
		return "", Row{}, err
	}
	return number, row, nil
}

func (r *Row) parseAmounts(amount, balance string, currency money.Currency) (err error) {
	if r.Amount, err = money.Parse(amount, currency); err != nil {
		return fmt.Errorf("amount: %w", err)
	}
	if r.Amount <= 0 {
		return fmt.Errorf("amount: %s is not positive", amount)
	}
	if r.BalanceAfter, err = money.Parse(balance, currency); err != nil {
		return fmt.Errorf("balance_after: %w", err)
	}
	return nil
}

func checkText(text string) error {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return fmt.Errorf("not UTF-8 text")
	case utf8.RuneCountInString(text) > textMax:
		return fmt.Errorf("longer than %d characters", textMax)
	}
	return nil
}

// checkName is for what goes into ids and idempotency keys: 1 to 100 visible ASCII characters.
func checkName(text string) error {
	if text == "" || len(text) > 100 {
		return fmt.Errorf("%q has not between 1 and 100 characters", text)
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("%q has other than visible ASCII characters", text)
		}
	}
	return nil
}
