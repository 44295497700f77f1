// Package broadcast tells many listeners what happens on accounts, each event of the accounts that a listener asked for once, in the
// order of the log, without a gap, from any position on.
//
// # How
//
// One follower a process reads the log behind the position that the projections have reached, every few milliseconds while somebody
// listens and not at all while nobody does. What it finds goes into the queues of those listeners that asked for it; the others are not
// woken. So the database is asked the same, however many listen.
//
// The log and the read models are all that the follower reads. It has no part in the relay, NATS or the projectors: while one of these
// is away nothing new is told, and when it is back everything is, since a position is all that is remembered. A rebuild exchanges the
// tables under the follower; a statement sees rows and checkpoint of one generation.
//
// # States of a listener
//
//	behind  it asked for more than the last events, which the process keeps: it reads its part of the log by itself, a page at a time, as
//	        fast as its client takes it
//	live    its queue is filled by the follower
//
// Behind becomes live under the lock that the follower tells under: what it has read ends where its queue begins. A queue that is full
// is thrown away, and its listener is behind again, from where it was: nothing is passed over. If it has taken nothing for SlowAfter
// by then, it is slow and is dropped, with the position to go on from; else it was a burst.
//
// # Failures
//
//   - Database away: listeners hear nothing, and everything when it is back. One that is behind ends with the error.
//   - Log restored to before what was told: all listeners are dropped (LogRestored), and whoever asks for a position behind the end of the
//     log is refused (ErrAhead).
//   - Read models taken back to an earlier position: nothing is told twice; it goes on when they have come past what was told.
package broadcast
