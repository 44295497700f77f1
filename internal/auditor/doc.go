// Package auditor folds the log by itself and proves that log and read models are what they claim to be.
//
// It shares the way from stored bytes to payloads with the rest of the bank and nothing else: the sums, the rules and the
// expected rows are its own, so that a mistake in the domain's fold or in a projection does not vouch for itself.
//
// # What is checked
//
//	of the log        positions gapless from 1, the head row at the last of them, recorded_at never decreasing, no event id and
//	                  no transaction id twice; in each stream versions gapless from 1, in the order of positions
//	of each account   opened first and once; balance_after and held_after equal to the auditor's own sums; one currency; no
//	                  withdrawal past the limit; no movement against a freeze or a closure
//	of each row       of balances, timeline and owners, field by field, against the fold up to the projection's checkpoint; no row
//	                  missing, none too many
//
// Everything is read in one REPEATABLE READ transaction, so checkpoints, rows and log are of one moment, also while the bank
// is open. Streams are read in the order of their ids beside the rows in the same order: memory does not grow with the log.
package auditor
