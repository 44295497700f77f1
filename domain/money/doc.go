// Package money is the arithmetic of the bank: whole minor units of one currency, checked.
//
// An [Amount] is a signed number of minor units (cents for EUR, yen for JPY, fils for KWD) and never leaves ±[MaxAmount], the
// integers that every JSON reader holds exactly. Whatever would leave that range is refused with [ErrOutOfRange]; nothing
// rounds, wraps around or passes through floating point. A [Currency] is one of the ISO 4217 codes in use, or the zero value
// for none; amounts of two currencies never meet in one operation, because an Amount has no currency and [Money] has no sum.
package money
