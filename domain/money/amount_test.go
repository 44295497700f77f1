package money_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"passbook/domain/money"
)

func TestArithmeticAtTheBounds(t *testing.T) {
	t.Parallel()
	const most = money.MaxAmount
	tests := []struct {
		name    string
		compute func() (money.Amount, error)
		want    money.Amount
		refused bool
	}{
		{"a sum", func() (money.Amount, error) { return money.Amount(2).Add(3) }, 5, false},
		{"a sum with a negative", func() (money.Amount, error) { return money.Amount(2).Add(-3) }, -1, false},
		{"a sum that reaches the bound", func() (money.Amount, error) { return (most - 1).Add(1) }, most, false},
		{"a sum one past the bound", func() (money.Amount, error) { return most.Add(1) }, 0, true},
		{"a sum that reaches the lower bound", func() (money.Amount, error) { return (1 - most).Add(-1) }, -most, false},
		{"a sum one past the lower bound", func() (money.Amount, error) { return (-most).Add(-1) }, 0, true},
		{"a sum that would wrap around", func() (money.Amount, error) { return money.Amount(math.MaxInt64).Add(math.MaxInt64) }, 0, true},
		{"a sum of operands out of range that cancel out", func() (money.Amount, error) { return (most + 1).Add(-most) }, 0, true},
		{"a difference", func() (money.Amount, error) { return money.Amount(2).Sub(3) }, -1, false},
		{"a difference that reaches the bound", func() (money.Amount, error) { return (most - 1).Sub(-1) }, most, false},
		{"a difference one past the bound", func() (money.Amount, error) { return most.Sub(-1) }, 0, true},
		{"a difference one past the lower bound", func() (money.Amount, error) { return (-most).Sub(1) }, 0, true},
		{"a difference that would wrap around", func() (money.Amount, error) { return money.Amount(math.MinInt64).Sub(1) }, 0, true},
		{"a negation", func() (money.Amount, error) { return most.Neg() }, -most, false},
		{"a negation out of range", func() (money.Amount, error) { return money.Amount(math.MinInt64).Neg() }, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.compute()
			if got != tt.want || errors.Is(err, money.ErrOutOfRange) != tt.refused || (err != nil) != tt.refused {
				t.Errorf("got %d, %v; want %d, refused %t", got, err, tt.want, tt.refused)
			}
		})
	}
}

// Whatever two int64 are added or subtracted, the result is that of unbounded integers or there is none.
func TestArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawInt64(t, "a"), drawInt64(t, "b")
		sum, err := money.Amount(a).Add(money.Amount(b))
		requireExact(t, new(big.Int).Add(big.NewInt(a), big.NewInt(b)), sum, err, a, b)
		difference, err := money.Amount(a).Sub(money.Amount(b))
		requireExact(t, new(big.Int).Sub(big.NewInt(a), big.NewInt(b)), difference, err, a, b)
	})
}

// drawInt64 prefers numbers near the bounds, where arithmetic goes wrong.
func drawInt64(t *rapid.T, label string) int64 {
	near := rapid.SampledFrom([]int64{0, int64(money.MaxAmount), -int64(money.MaxAmount), math.MaxInt64, math.MinInt64})
	return rapid.OneOf(
		rapid.Int64(),
		rapid.Custom(func(t *rapid.T) int64 { return near.Draw(t, "near") + rapid.Int64Range(-3, 3).Draw(t, "off") }),
	).Draw(t, label)
}

func requireExact(t *rapid.T, want *big.Int, got money.Amount, err error, operands ...int64) {
	t.Helper()
	inRange := want.CmpAbs(big.NewInt(int64(money.MaxAmount))) <= 0
	for _, operand := range operands {
		inRange = inRange && money.Amount(operand).InRange()
	}
	switch {
	case inRange && (err != nil || int64(got) != want.Int64()):
		t.Fatalf("%v: got %d, %v; want %s", operands, got, err, want)
	case !inRange && !errors.Is(err, money.ErrOutOfRange):
		t.Fatalf("%v: got %d, %v; want a refusal", operands, got, err)
	}
}
