package money_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"testing"

	"passbook/domain/money"
)

// currencyCount is how many codes ISO 4217 list one has with a minor unit: 178 less the thirteen without.
const currencyCount = 165

func TestTheTableOfCurrencies(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[A-Z]{3}$`)
	all := money.Currencies()
	if len(all) != currencyCount {
		t.Errorf("%d currencies, want %d", len(all), currencyCount)
	}
	for i, c := range all {
		if !form.MatchString(c.Code()) || c.IsZero() || c.String() != c.Code() {
			t.Errorf("%q is no code", c.Code())
		}
		if i > 0 && all[i-1].Code() >= c.Code() {
			t.Errorf("%s stands before %s", all[i-1], c)
		}
		if again, err := money.ParseCurrency(c.Code()); err != nil || again != c {
			t.Errorf("%s: got %s, %v", c, again, err)
		}
	}
}

func TestDecimals(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{
		"EUR": 2, "USD": 2, "CZK": 2, "GBP": 2, "MGA": 2, "MRU": 2, "HUF": 2, "JPY": 0, "KRW": 0, "ISK": 0, "XOF": 0, "UYI": 0,
		"KWD": 3, "TND": 3, "CLF": 4, "UYW": 4,
	} {
		if got := money.MustCurrency(code).Decimals(); got != want {
			t.Errorf("%s: got %d decimals, want %d", code, got, want)
		}
	}
	if got := (money.Currency{}).Decimals(); got != 0 {
		t.Errorf("no currency has %d decimals", got)
	}
}

func TestCodesThatAreNoCurrencyInUse(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "eur", "Eur", "EU", "EURO", " EUR", "ZZZ", "XXX", "XTS", "XAU", "DEM", "CSK", "HRK", "BGN", "ZWL", "978"} {
		got, err := money.ParseCurrency(code)
		if !errors.Is(err, money.ErrUnknownCurrency) || !got.IsZero() {
			t.Errorf("%q: got %s, %v", code, got, err)
		}
	}
}

func TestMustCurrencyPanicsOnAnUnknownCode(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("it did not panic")
		}
	}()
	money.MustCurrency("ZZZ")
}

func TestMoneyAsJSON(t *testing.T) {
	t.Parallel()
	m := money.Money{Amount: 12550, Currency: money.MustCurrency("EUR")}
	data, err := json.Marshal(m)
	if want := `{"amount":12550,"currency":"EUR"}`; err != nil || string(data) != want {
		t.Fatalf("got %s, %v; want %s", data, err, want)
	}
	var again money.Money
	if err := json.Unmarshal(data, &again); err != nil || again != m {
		t.Errorf("got %v, %v; want %v", again, err, m)
	}
}

func TestNoCurrencyAsJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(money.Money{})
	if want := `{"amount":0,"currency":""}`; err != nil || string(data) != want {
		t.Fatalf("got %s, %v; want %s", data, err, want)
	}
	again := money.Money{Currency: money.MustCurrency("EUR")}
	if err := json.Unmarshal(data, &again); err != nil || again != (money.Money{}) {
		t.Errorf("got %v, %v; want none", again, err)
	}
	if err := json.Unmarshal([]byte(`{"currency":"eur"}`), &again); !errors.Is(err, money.ErrUnknownCurrency) {
		t.Errorf("got %v for a code that is none", err)
	}
}
