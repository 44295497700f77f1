// Package contender is everybody who is measured: the bank in several cuts, and what it is held against. Each takes its turn in
// each round, on a database of its own that is made for the turn and dropped after it, so that no log is longer than another's
// and nobody's vacuum runs in somebody else's time.
//
// A turn ends with a check that everything that was acknowledged is there: for the bank the auditor, for the others a count
// and a look for gaps. A figure whose check fails is no figure: the run fails.
package contender
