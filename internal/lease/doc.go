// Package lease elects one leader among any number of processes on one database.
//
// A lease is a row: a name, its holder, when it runs out, and an epoch that grows with every change of holder. The
// clock is the database's alone; of its own clock a holder trusts only how fast it runs.
//
//	waiting   asks for the lease every so often; gets it when nobody holds it or the holder's time is up
//	leading   lead runs; the lease is renewed three times within its time to live
//	losing    not renewed in time: lead's context is cancelled, a margin before the database would give the lease away
//	leaving   the caller's context is done: lead's context is cancelled, the lease is held until lead has returned, then
//	          given back, so that the next holder need not wait for it to run out
//
// # Guarantees and their limit
//
// Two holders never have the same epoch, and a later holder has a greater one. lead's context is cancelled before
// another process can hold the lease, counted from before the last successful renewal was sent, as long as the
// database's clock is not set forward by more than the margin. That is a promise about contexts, not about effects: a
// process may be suspended between looking at its context and acting. What leaders do to a shared thing must
// therefore be fenced as well, by the epoch or by an expectation on that thing's state.
//
// # Failures
//
// Database away: the leader loses the lease in time, nobody leads until it is back. Leader killed: the others lead
// after at most the time to live. An acquisition whose answer is lost: nobody leads until it has run out.
package lease
