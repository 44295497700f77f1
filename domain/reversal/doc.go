// Package reversal is the rule book of undoing a transaction: in full or in parts, and never more than it moved.
//
// A transaction that was reversed has a stream of its own, under its own id, that begins with its first reversal and says how
// much of it is undone. Whoever reverses takes a step of that stream, so that of many at once one comes first and the others
// see it; the money moves on the accounts in the same append. It is pure, as package account is.
package reversal
