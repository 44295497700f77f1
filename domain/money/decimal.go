package money

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSyntax says that a text is not a decimal amount of the currency it was read for.
var ErrSyntax = errors.New("not a decimal amount")

// decimalMax is longer than any amount in range with its sign and point: 16 digits at most.
const decimalMax = 32

// Parse reads a decimal amount exactly: "125.50" of EUR is 12550, "-3" is -300, "1.234" of KWD is 1234. It takes an optional
// minus sign, digits, and an optional point with one to c.Decimals() digits behind it; no plus sign, no exponent, no
// grouping, no blanks. Anything else is ErrSyntax, a value outside ±MaxAmount is ErrOutOfRange. More decimals than the
// currency has are refused even when they are zeros: they show that the writer had another currency in mind.
func Parse(decimal string, c Currency) (Amount, error) {
	if c.IsZero() {
		return 0, fmt.Errorf("parse %.*q: no currency", decimalMax, decimal)
	}
	digits, negative := strings.CutPrefix(decimal, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !isDigits(whole) || point && !isDigits(fraction) {
		return 0, fmt.Errorf("parse %.*q: %w", decimalMax, decimal, ErrSyntax)
	}
	if len(fraction) > c.Decimals() {
		return 0, fmt.Errorf("parse %.*q: %s has %d decimals: %w", decimalMax, decimal, c, c.Decimals(), ErrSyntax)
	}
	minor := strings.TrimLeft(whole+fraction+strings.Repeat("0", c.Decimals()-len(fraction)), "0")
	magnitude, err := parseMinor(minor)
	if err != nil {
		return 0, fmt.Errorf("parse %.*q: %w", decimalMax, decimal, err)
	}
	if negative {
		return -magnitude, nil
	}
	return magnitude, nil
}

// parseMinor reads digits without leading zeros; none at all are zero.
func parseMinor(digits string) (Amount, error) {
	if digits == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !Amount(n).InRange() { // only digits get here, so an error is too many of them
		return 0, ErrOutOfRange
	}
	return Amount(n), nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Format writes a as a decimal of c with all of the currency's decimals: 12550 of EUR is "125.50", of JPY "12550".
// Parse reads it back to the same amount.
func (a Amount) Format(c Currency) string {
	decimals := c.Decimals()
	if decimals == 0 {
		return strconv.FormatInt(int64(a), 10)
	}
	digits, negative := strings.CutPrefix(strconv.FormatInt(int64(a), 10), "-")
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	sign := ""
	if negative {
		sign = "-"
	}
	point := len(digits) - decimals
	return sign + digits[:point] + "." + digits[point:]
}
