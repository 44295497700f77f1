// Package readmodel folds the log into tables made for reading, and reads them.
//
// # Overview
//
// A projection is a pure function from the state of a stream and its next event to the state after it, and to rows to add:
// see Definition. It is made of the streams of one type, most of them of accounts; events of other streams pass it by. The Engine
// runs one runner for each: it takes batches of events, loads the states of their streams, folds each stream's events (streams in
// parallel, the events of one in their order), writes, and moves the projection's checkpoint in the same transaction, so that the
// rows are always the fold of the log up to exactly the checkpoint. Rows are assigned from events (balance_after), never added up.
//
// A new projection is one Go file with its Definition, listed in Projectors, and one migration with its tables, which belong to
// the role passbook_projector (ALTER TABLE ... OWNER TO), stand in schema readmodel, and have a column with the id of the stream,
// account_id unless Projector.Key says otherwise: a rebuild copies their definition, moves them, and compares them by stream. What
// a projection does must be a function of the events alone: a rebuild folds them again.
//
// What is said below of accounts is true of the streams of any type.
//
// # Where events come from
//
// A Source delivers events soon after their commit and guarantees nothing: it may repeat, reorder, lose, or be away. The
// runner does arithmetic on positions, which are gapless:
//
//	position <= checkpoint      applied already: dropped
//	position == checkpoint + 1  next
//	position >  checkpoint + 1  the ones between are read from the log first
//
// While the source is silent the runner looks at the log itself, every Config.Poll. So duplicates, reordering, loss, a purged
// stream, a wiped broker and no broker at all end in the same rows; the source is there to be faster than polling.
//
// # States of a runner
//
//	waiting   another instance has the projection's lease
//	running   follows; catching up when far behind, live otherwise
//	stopped   it cannot go on, or would have to park too many accounts: what is before is applied, the cause is in the
//	          checkpoint's row and in Projections, and the runner tries again after a growing pause. Nothing is ever skipped
//
// An event that cannot be applied parks its account (parking.go): the account's later events wait in the log, all others go on.
// A runner that starts tries again (parked.go). An event that kills the process is found by its deaths (suspect.go).
//
// # Generations
//
// The tables of a generation stand in the schema of its place: live serves readers, next is being built (package rebuild), previous
// served before and is followed until it is dropped. Swap exchanges them, tables and checkpoints in one transaction: a statement
// of a reader sees rows and checkpoint of one generation, and later statements never an earlier position.
//
// # Guarantees
//
// No event is skipped or applied twice. The lease keeps one instance per projection active; behind it stands the fence: the
// checkpoint is moved by compare-and-set, first thing in the transaction, so an instance that wrongly believes to be alone
// changes nothing. A checkpoint never passes the head of the log. Each row knows the version of the last event it was
// assigned from, and an event that does not follow it is an error.
//
// A projection's transactions do not wait for the disk (synchronous_commit off): a crash of Postgres may lose the last ones
// whole, rows and checkpoint alike, and they are applied again.
//
// # Failures
//
//   - Kill between commit and acknowledgement: the source repeats, the repeated are dropped.
//   - Holder of the lease frozen, or cut off, in a transaction: its successor ends the session that is left (evict.go).
//   - Database away: the runner retries; its lease runs out meanwhile, another may take over.
//   - Log restored to before the checkpoint: the runner stops and says so.
//   - Code of a newer version than the rows: Parts.Rebuilder rebuilds them; without one the runner stops and says so. Code of an
//     older version leaves them alone.
//
// # Reading
//
// Queries serves the read side. Every answer says how fresh it is (Freshness), by a checkpoint read in the same round trip
// before the data, and WaitFor waits for a position: the way to read one's own write.
//
// Accounts by their ids are what is read most, and are read together: while Queries.Run runs, reads that wait at the same time
// share a statement, which shows the accounts and the checkpoint in one snapshot. Nothing lingers to make a batch larger, the
// number that waits is bounded, and no read is answered from a statement that began before it.
package readmodel
