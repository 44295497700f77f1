package money

import (
	"errors"
	"fmt"
)

// Currency is an ISO 4217 currency in use, or the zero value for none. Currencies compare with ==.
type Currency struct {
	code string // a key of currencies, so that equal currencies share their bytes
}

// ErrUnknownCurrency says that a code is not in the table of currencies in use.
var ErrUnknownCurrency = errors.New("unknown currency")

// ParseCurrency finds a currency by its three-letter code, upper case only. An unknown code is ErrUnknownCurrency.
func ParseCurrency(code string) (Currency, error) {
	entry, known := currencies[code]
	if !known {
		return Currency{}, fmt.Errorf("%w %.16q", ErrUnknownCurrency, code)
	}
	return entry.currency, nil
}

// MustCurrency is ParseCurrency for codes that stand in the program text: it panics on an unknown one.
func MustCurrency(code string) Currency {
	c, err := ParseCurrency(code)
	if err != nil {
		panic("money: " + err.Error())
	}
	return c
}

// Code returns the three-letter code, "" for the zero value.
func (c Currency) Code() string { return c.code }

// String returns the same as Code.
func (c Currency) String() string { return c.code }

// Decimals returns how many digits of the minor unit stand behind the decimal point: 2 for EUR, 0 for JPY, 3 for KWD.
func (c Currency) Decimals() int { return currencies[c.code].decimals }

// IsZero reports whether c is no currency.
func (c Currency) IsZero() bool { return c.code == "" }

// MarshalText writes the code; the zero value is the empty text.
func (c Currency) MarshalText() ([]byte, error) { return []byte(c.code), nil }

// UnmarshalText reads what MarshalText wrote and refuses everything else with ErrUnknownCurrency.
func (c *Currency) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = Currency{}
		return nil
	}
	entry, known := currencies[string(text)]
	if !known {
		return fmt.Errorf("%w %.16q", ErrUnknownCurrency, text)
	}
	*c = entry.currency
	return nil
}

// Money is an amount of a currency.
type Money struct {
	Amount   Amount   `json:"amount"`
	Currency Currency `json:"currency"`
}

// String returns the decimal and the code: "125.50 EUR".
func (m Money) String() string { return m.Amount.Format(m.Currency) + " " + m.Currency.Code() }
