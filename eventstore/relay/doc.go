// Package relay publishes the log to JetStream, in log order, as CloudEvents.
//
// # Overview
//
// The events table is the outbox: what is committed will be published, whoever dies in between. The relay keeps no
// checkpoint of its own. Its cursor is the position in the last message of the stream; where the stream is empty it starts
// Config.BackfillMax before the head of the log. One relay leads, by a lease; the others wait.
//
// # States
//
//	waiting    for the lease
//	resuming   the stream is made sure of, its last message read and found in the log at the same position
//	following  the log is read in batches behind the cursor and published, pipelined; idle, the relay looks at the log every
//	           Config.Poll, or at once on Notify; while many events come, it lets them gather for Config.Pace
//	failing    a read or a publish failed: what is under way is abandoned, and after a growing pause the relay resumes
//
// # Guarantees
//
// Every message carries two expectations on the last message of the stream: its sequence and its id, which must be the id of
// the event before. So of two relays that believe to lead at once each message is either the next one or refused, whoever
// wrote what is there, and a refused relay resumes behind it: the order of the stream is the order of the log, without
// repetition. The sequence alone would not do. It guards a message published by itself; of a run published without waiting
// it refuses the first and may accept a later one, when the stream has grown by just that much meanwhile. The first message
// into an empty stream has no predecessor and only a sequence to expect.
//
// One message in Config.AckEvery is acknowledged, and the last of what was read at once. For what was said of expectations, that it is
// stored means that all before it are; that it is refused means that the session ends and resumes from the end of the stream.
//
// The lease is for economy, not for safety. The epoch in each message tells afterwards who wrote it, and a relay that resumes
// behind a greater epoch than its own says so.
//
// An event too large for the server, or whose metadata is of no known shape, is left out and counted: it must not hold
// up the rest. Readers find what is missing by arithmetic on the positions and take it from the log.
//
// # Failures
//
//   - Broker away: publishing fails until it is back, then resumes. Nothing is lost, the log has it.
//   - Stream deleted or its directory wiped: it is made again, also when nothing is published, and filled from BackfillMax
//     before the head.
//   - Stream purged: the relay goes on behind what it had published. After a change of leader it starts BackfillMax before the
//     head; JetStream then answers "duplicate" for what it has seen within its window, without storing it, and those events
//     count as published.
//   - Log and stream of different histories (one of them restored or swapped): nothing is published, and the error says so.
//     Purging or deleting the stream resolves it.
package relay
