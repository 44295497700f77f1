package money

import (
	"errors"
	"fmt"
)

// Amount is a signed number of minor units of some currency.
type Amount int64

// MaxAmount bounds every amount and every balance, in both directions: 2^53-1, the largest integer that a reader which
// keeps JSON numbers as doubles still holds exactly.
const MaxAmount Amount = 1<<53 - 1

// ErrOutOfRange says that a result would leave ±MaxAmount.
var ErrOutOfRange = errors.New("amount out of range")

// InRange reports whether a lies within ±MaxAmount.
func (a Amount) InRange() bool { return -MaxAmount <= a && a <= MaxAmount }

// Add returns a+b, or ErrOutOfRange when the sum, or an operand, lies outside ±MaxAmount.
func (a Amount) Add(b Amount) (Amount, error) {
	sum := a + b // two operands in range cannot overflow an int64
	if !a.InRange() || !b.InRange() || !sum.InRange() {
		return 0, fmt.Errorf("%d + %d: %w", a, b, ErrOutOfRange)
	}
	return sum, nil
}

// Sub returns a-b, or ErrOutOfRange when the difference, or an operand, lies outside ±MaxAmount.
func (a Amount) Sub(b Amount) (Amount, error) {
	difference := a - b // two operands in range cannot overflow an int64
	if !a.InRange() || !b.InRange() || !difference.InRange() {
		return 0, fmt.Errorf("%d - %d: %w", a, b, ErrOutOfRange)
	}
	return difference, nil
}

// Neg returns -a, or ErrOutOfRange when a lies outside ±MaxAmount.
func (a Amount) Neg() (Amount, error) {
	if !a.InRange() {
		return 0, fmt.Errorf("-(%d): %w", a, ErrOutOfRange)
	}
	return -a, nil
}
