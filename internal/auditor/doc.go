// Package auditor folds the log by itself and proves that log and read models are what they claim to be.
//
// It shares the way from stored bytes to payloads with the rest of the bank and nothing else: the sums, the rules and the
// expected rows are its own, so that a mistake in the domain's fold or in a projection does not vouch for itself.
//
// # What is checked
//
//	of the log        positions gapless from 1, the head row at the last of them, recorded_at never decreasing, no event id twice; in
//	                  each stream versions gapless from 1, in the order of positions, and one type of stream
//	of each account   opened first and once; balance_after and held_after equal to the auditor's own sums; one currency; nothing
//	                  spent past the overdraft limit, or past the limits of a transaction, a day or a month; no movement against a
//	                  freeze or a closure
//	of each hold      what is held is the sum of the open ones; never more captured than is left, nothing after the end, nothing but
//	                  the expiry after its time and no expiry before; a payment's disposed of by its payment alone
//	of transactions   a transaction stands once, or as the two sides of a transfer, or of the reversal of one: on two accounts that name
//	                  each other, of equal amounts, booked together, in opposite directions
//	of reversals      against the direction of what they undo and together not more than it; the stream of the transaction says the same
//	of payments       at most one outcome; the money held until then, captured if it was settled and given back otherwise
//	of the bank       by currency: all balances are what came in less what went out; transfers and their reversals come to zero
//	of each row       of every projection, field by field, against the fold up to the projection's checkpoint; no row missing, none too many
//
// Everything is read in one REPEATABLE READ transaction, so checkpoints, rows and log are of one moment, also while the bank
// is open. Streams are read in the order of their ids beside the rows in the same order: memory does not grow with the log, but for
// the holds of one account at a time and the ids of transactions that were undone. What stands in several streams is compared by
// Postgres.
package auditor
