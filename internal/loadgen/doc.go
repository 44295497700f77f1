// Package loadgen puts a running bank under load over HTTP and measures what it answers.
//
// # Loads
//
// With a rate, requests arrive at fixed intervals, whatever the bank does (open loop); above a thousand a second they come in
// groups, one each millisecond. As many connections as configured are in flight at most, and an arrival that finds none free waits. Latency counts from the moment at which a request should have
// been sent, so a bank that stalls is charged for everybody who would have come in the meantime, not only for those who were
// in it (coordinated omission). An arrival that is still waiting when the load ends is not sent; it counts as unsent, and in
// the latency with the time it had waited.
//
// Without a rate, each connection sends its next request when it has the answer to its last (closed loop), and latency counts
// from the sending. Find-limit searches the highest rate at which the bank keeps up, and then holds it for the whole duration.
//
// # What is random
//
// The n-th request of a run is made from the seed and n alone: account, amount and kind are the same in every run, whichever
// connection sends it. Its idempotency key carries the run's own random name, so a second run does not replay the first. The
// accounts belong to the seed: a second run finds them and what was deposited on them.
//
// # What is counted
//
// Accepted is 2xx. Refused is 503 and 429: the bank protects itself. Errors are all other answers and requests without any.
// The rate is of accepted answers that came within the measured time. Answers by status, errors and latencies are of requests
// that were due within it, also when they were answered after its end.
//
// The generator shares its machine with the bank more often than not, so the report has its processor time per request.
package loadgen
