// Package feed delivers the published log from JetStream to the projections: the fast way by which they learn of an event.
//
// A process has a durable pull consumer of its own, acknowledged in runs (AckAll), whose place JetStream keeps; it is delivered
// and decoded once for all projections and generations that the process keeps (Shared), which measured a sixth of the whole
// bank's throughput with three of them. The consumer's place is a convenience: the truth is each projection's checkpoint, with
// which every subscription begins. Who needs what came before, or was too slow for its buffer, reads the log. A consumer that
// stands elsewhere (the rows were restored, the stream was wiped, the projection caught up from the log meanwhile) is made
// anew where the checkpoint says. Where the sequence of the next event cannot be told the guess errs towards repeating.
//
// # Guarantees
//
// None that a reader of the log would need: messages may come twice, in another order, or not at all. A message that is
// not an event of the log is left out. What a subscription delivers stems from this log: before it starts, the last message
// of the stream is compared with the log at the same position, and a stream of another history (of another bank, or of the
// days before a restore) is refused with ErrForeign.
//
// # Failures
//
// Whatever goes wrong ends the subscription with an error: broker away, stream or consumer deleted, heartbeats missing. The
// engine polls the log and subscribes again.
package feed
