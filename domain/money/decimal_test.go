package money_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"passbook/domain/money"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		decimal, currency string
		want              money.Amount
		err               error
	}{
		{"125.50", "EUR", 12550, nil},
		{"125.5", "EUR", 12550, nil},
		{"125", "EUR", 12500, nil},
		{"-125.50", "EUR", -12550, nil},
		{"0", "EUR", 0, nil},
		{"-0.00", "EUR", 0, nil},
		{"0.01", "EUR", 1, nil},
		{"-0.01", "EUR", -1, nil},
		{"007.10", "EUR", 710, nil},
		{"1000", "JPY", 1000, nil},
		{"1.234", "KWD", 1234, nil},
		{"1.2345", "CLF", 12345, nil},
		{"90071992547409.91", "EUR", money.MaxAmount, nil},
		{"-90071992547409.91", "EUR", -money.MaxAmount, nil},

		{"90071992547409.92", "EUR", 0, money.ErrOutOfRange},
		{"-90071992547409.92", "EUR", 0, money.ErrOutOfRange},
		{"9007199254740992", "JPY", 0, money.ErrOutOfRange},
		{"9223372036854775808", "JPY", 0, money.ErrOutOfRange},
		{strings.Repeat("9", 400), "EUR", 0, money.ErrOutOfRange},

		{"125.505", "EUR", 0, money.ErrSyntax},
		{"125.500", "EUR", 0, money.ErrSyntax},
		{"1.0", "JPY", 0, money.ErrSyntax},
		{"", "EUR", 0, money.ErrSyntax},
		{"-", "EUR", 0, money.ErrSyntax},
		{".", "EUR", 0, money.ErrSyntax},
		{".5", "EUR", 0, money.ErrSyntax},
		{"5.", "EUR", 0, money.ErrSyntax},
		{"--5", "EUR", 0, money.ErrSyntax},
		{"+5", "EUR", 0, money.ErrSyntax},
		{"5.-1", "EUR", 0, money.ErrSyntax},
		{" 5", "EUR", 0, money.ErrSyntax},
		{"5 ", "EUR", 0, money.ErrSyntax},
		{"5,00", "EUR", 0, money.ErrSyntax},
		{"1,000.00", "EUR", 0, money.ErrSyntax},
		{"1_000", "EUR", 0, money.ErrSyntax},
		{"1e3", "EUR", 0, money.ErrSyntax},
		{"0x10", "EUR", 0, money.ErrSyntax},
		{"NaN", "EUR", 0, money.ErrSyntax},
		{"1.2.3", "EUR", 0, money.ErrSyntax},
		{"٣", "EUR", 0, money.ErrSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.decimal+" "+tt.currency, func(t *testing.T) {
			t.Parallel()
			got, err := money.Parse(tt.decimal, money.MustCurrency(tt.currency))
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %d, %v; want %d, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestParseNeedsACurrency(t *testing.T) {
	t.Parallel()
	if got, err := money.Parse("1", money.Currency{}); err == nil {
		t.Errorf("got %d without a currency", got)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		amount   money.Amount
		currency string
		want     string
	}{
		{12550, "EUR", "125.50"},
		{-12550, "EUR", "-125.50"},
		{0, "EUR", "0.00"},
		{1, "EUR", "0.01"},
		{-1, "EUR", "-0.01"},
		{-99, "EUR", "-0.99"},
		{100, "EUR", "1.00"},
		{1234, "KWD", "1.234"},
		{7, "CLF", "0.0007"},
		{1000, "JPY", "1000"},
		{-1, "JPY", "-1"},
		{money.MaxAmount, "EUR", "90071992547409.91"},
		{-1 << 63, "EUR", "-92233720368547758.08"},
	}
	for _, tt := range tests {
		if got := tt.amount.Format(money.MustCurrency(tt.currency)); got != tt.want {
			t.Errorf("%d %s: got %q, want %q", tt.amount, tt.currency, got, tt.want)
		}
	}
	if got := (money.Money{Amount: 5, Currency: money.MustCurrency("EUR")}).String(); got != "0.05 EUR" {
		t.Errorf("got %q", got)
	}
}

// What Format writes, Parse reads back, in every currency.
func TestFormatAndParseAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom(money.Currencies()).Draw(t, "currency")
		amount := money.Amount(rapid.Int64Range(-int64(money.MaxAmount), int64(money.MaxAmount)).Draw(t, "amount"))
		text := amount.Format(currency)
		if got, err := money.Parse(text, currency); err != nil || got != amount {
			t.Fatalf("%d %s is written %q and read as %d, %v", amount, currency, text, got, err)
		}
	})
}

// What Parse takes has the value that rational numbers give it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"125.50", "-0.01", "1e3", "0x1p2", "90071992547409.91", "1/3", "1.", ".1", "00", "+1", "1_0"} {
		for _, code := range []string{"EUR", "JPY", "CLF"} {
			f.Add(seed, code)
		}
	}
	f.Fuzz(func(t *testing.T, text, code string) {
		currency, err := money.ParseCurrency(code)
		if err != nil {
			return
		}
		amount, err := money.Parse(text, currency)
		if err != nil {
			return
		}
		value, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q was taken as %d", text, amount)
		}
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(currency.Decimals())), nil)
		if want := new(big.Rat).SetInt64(int64(amount)); value.Mul(value, new(big.Rat).SetInt(unit)).Cmp(want) != 0 {
			t.Errorf("%q %s was taken as %d", text, code, amount)
		}
		if !amount.InRange() {
			t.Errorf("%q %s was taken as %d, out of range", text, code, amount)
		}
	})
}
