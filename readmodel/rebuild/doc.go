// Package rebuild makes a projection's tables anew from the log while the bank is open, and exchanges them for the ones that
// readers see.
//
// # Phases
//
//	replay    the log is read in segments, decoded once for all projections that are rebuilt together, folded in memory by the
//	          same code that follows the log, in parallel by account, and copied into bare tables
//	index     keys, indexes and statistics, as the live tables have them
//	catch up  the rest of the log is applied as it always is, up to the live generation's position
//	compare   both generations at the same position, by account; differences that nobody expects end the rebuild here
//	switch    tables and checkpoints are exchanged in one transaction; the generation before is kept, and kept up to date
//
// # What is durable
//
// Accounts are parted into shards. How far the replay of each has come changes in the transaction that writes its rows, by
// compare-and-set: the fence against a second process, behind the lease "rebuild/NAME". A process that is killed leaves a state
// from which the next one goes on. The states of accounts are in memory only: a replay that goes on reads the log again from its
// beginning to get them back, and writes nothing until it is where it was. All later phases begin again where they were.
//
// # Memory
//
// At most 300,000 accounts are in memory at a time, some 200 MiB with both projections of the bank: a log of more accounts is read
// several times, each time for a part of them. To that come the segments that are read ahead (some 60 MiB) and the rows that wait to be
// written (8 MiB a shard and projection).
//
// # Giving way
//
// A replay reads at most MaxRate events a second, and less while the bank is slow: see throttle. Readers are held up by nothing but
// the switch, for at most a fifth of a second at a time: it gives up and tries again when somebody holds the tables for longer.
//
// # Failures
//
//   - Kill, Ctrl-C, database away: run it again. An event that cannot be applied ends the replay and is named.
//   - The comparison finds differences: the next generation is kept. The same rebuild with AcceptDiff goes on, Cancel drops it.
//   - The code's version is newer than the live generation: a projector begins by itself (Auto). It cannot continue the rows of the
//     other version: they stay where they are, readable, unless an older projector still runs and continues them.
package rebuild
