// Package command is the write path: it takes commands from many callers, decides them one after another against accounts
// held in memory, and commits many of them in one transaction. It is the only place that joins the domain to the log.
//
// # The picture of the log
//
// A Processor keeps recently used accounts in memory, all as of one position of the log: its picture. Every decision is made
// against the picture and committed with the demand that the log still ends there (eventstore.Appender). So a decision
// that was committed was made against the truth, whoever else writes: a withdrawal, a refusal for lack of funds and a
// command that decides nothing are all equally exact. With one instance the demand always holds and a batch is one statement.
//
// When another instance has written, the demand fails and nothing is written. Then the processor takes the head first
// (eventstore.Exclusive), reads what it missed into its picture, decides again and commits: this cannot fail for staleness,
// so nobody retries in a storm. It goes on that way for a while, because where one other writer is, its next batch comes soon.
//
// Because this is slow, of several instances one decides for all (Elsewhere): the others send it the commands that they have
// queued, and tell their callers its answers. What it does not answer they decide themselves, the exclusive way, and nothing
// is less exact for it. See package forward.
//
// While a batch is being committed the next one is decided behind it, in accounts as the first will leave them. It is sent
// after the first as soon as it is as large, or else when the first stands, and one more is decided behind it. When the first
// does not stand, nothing decided behind it stands either, and all of them go the exclusive way.
//
// # States of a command
//
//	queued     in the queue, which is bounded by count and by age (ErrOverloaded) and in which callers take turns. A caller
//	           that leaves now leaves no trace. Under a load that lasts, when even the newest wait too long, as many are let
//	           in as can be done soon and the others get ErrOverloaded at once, but none that is within its caller's share.
//	elsewhere  sent to the instance that decides; from here it may be decided even if its caller leaves, and comes back answered
//	           or undecided.
//	batched    taken with all others that wait; from here it is decided and committed even if its caller leaves.
//	answered   committed (or refused, and the refusal committed if it is one to be kept), then told to the caller.
//
// # Idempotency
//
// The key's answer is stored in the transaction of the events. A key that runs right now in this process is refused with
// ErrKeyInProgress, whatever it runs for; a key with an answer gets it replayed, under another fingerprint ErrKeyReused. The fast way does not
// look keys up: the primary key refuses a known one, and the batch goes the exclusive way, which does look. Replays are
// rare; when they come in crowds the processor stays with the exclusive way.
//
// # Failures
//
// An error of the database leaves nothing of the batch in memory. If the outcome is unknown, the exclusive way finds it
// out: it waits for the head, which an unfinished commit still holds, and looks the keys up. If the database stays away,
// callers get ErrUnavailable, which promises nothing: only the same key again will tell.
package command
