// Package eventstore is the log: every fact the bank knows, in the one order in which it was committed.
//
// # Overview
//
// A stream is the history of one aggregate, its events numbered 1, 2, 3 by version. The log is all streams together, its
// events numbered by position. One row, log_head, holds the last position and the id of the event there. Whoever appends first takes that row's lock and
// keeps it until the commit, so that positions are
//
//   - gapless: an aborted append gives its positions back with the row;
//   - in commit order: nobody else can hold a later position while an earlier one is uncommitted.
//
// The usual design, a sequence, has neither property: a reader passes 6 while 5 is still uncommitted and never sees it.
//
// # Writing
//
// An Entry is what one command leaves behind: events on one or more streams and, at most, the answer stored under its
// idempotency key. It stands or falls as a whole. Many entries share one transaction, because the lock makes a transaction
// for each of them far too slow.
//
//   - AppendAt is the fast way: one statement that compares the head with the position the writer has decided upon and
//     swaps it. A writer whose picture of the log ends at the head it names cannot be stale, whatever it read or refused.
//     An Appender does the same with one batch behind the other, the next one sent before the last is answered.
//   - Exclusive holds the head first and lets the writer read what it missed, decide, then append. It cannot lose a race.
//   - Append takes entries with expected versions and gives each its own verdict.
//
// Behind all of them stand the unique keys (stream_id, version) and (caller, key): Postgres refuses what this package might
// get wrong.
//
// # Failures
//
// An error with which Postgres answered means that nothing was written. Any other error of a write means that the outcome
// is unknown (ErrOutcomeUnknown): the commit may have happened. The next holder of the head knows: a transaction that was
// still committing held the row, so whoever gets it sees the outcome, by looking up the idempotency keys.
//
// # Guarantees
//
// A returned nil means committed with synchronous_commit on. Reading the log from a position never skips an event.
// recorded_at never decreases from one position to the next. No role of the bank may change or remove an event, and a
// trigger stands behind the missing grants.
package eventstore
