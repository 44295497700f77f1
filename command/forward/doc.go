// Package forward has one of several instances, the decider, decide the commands of all of them. It is command.Elsewhere over
// core NATS.
//
// Two instances that decide side by side move the head of the log under each other: each batch is decided under the lock, and
// each reads what the other wrote. One that decides for both keeps its picture true by itself. But only the throughput hangs on
// this: what is correct is decided by the head and by the idempotency keys, as ever, whoever decides, and any number at once.
//
// # Who decides
//
//	deciding   holds the lease "decider". It listens on a subject of its own, and has announced the subject and a secret, under
//	           the epoch of its lease, in a table that only this role may read
//	following  looks up the announcement twice a second, and sends the decider what its own callers want
//	alone      knows no decider that it can reach: decides for itself, as if there was no such package
//
// A command that came from another instance is decided where it arrives, also by one that is the decider no more: nothing is
// sent on twice.
//
// # The session
//
// Under each epoch an instance begins a session with the decider. Messages are numbered from 1 in each direction and sealed with
// AES-256-GCM, under keys derived from the secret and the session's random id, with the number as the nonce. So whoever can
// publish or listen on NATS learns nothing of the commands, cannot make one, and cannot have one taken twice: the decider keeps
// every session of its epoch, and passes over a number that it has had. Commands go out as soon as there are some, in up to
// sixteen messages at a time; more of them wait in the queue and fill the next message. Answers go back as batches commit. While
// it owes answers and has none to send, the decider sends an empty message four times a second.
//
// # What a sender knows
//
//	answered   this is the answer, also if it is that nothing was done
//	refused    the decider did not take the message, and never will: it leads no more, or cannot read it, or missed one before
//	unknown    nothing was heard for a second, nobody listens, or a message is missing in the numbers. Then the whole session
//	           is given up: the decider may have decided the command, or still be about to
//
// Refused commands are decided here. So are those of unknown outcome, but under the head of the log, where the key tells if the
// decider has done it; if it has not, the answer is stored under the key and the decider, when it comes to the command, gets it
// from there. An answer that is not stored (404, 412) cannot hold it back: it might still have its effect. The caller is told
// command.ErrUnavailable instead: the same key tells.
//
// # Failures
//
// NATS away: each decides for itself. Decider killed: its senders hear from NATS that nobody listens, or hear nothing, and
// decide for themselves until somebody else has the lease. Two deciders: both commit, and collide. A decider that stops gives its
// lease back first, refuses what comes from then on and answers what it has taken.
package forward
