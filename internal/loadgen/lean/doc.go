// Package lean is an HTTP/1.1 client that costs as little as possible: for a load generator that shares the machine with
// what it measures, every microsecond of its own is missing from the result.
//
// A request is bytes that the caller has put together; an answer is its status, the Passbook-Position and the body, which
// lies in the connection's buffer until the next request. One goroutine uses a connection at a time, one request after
// another. Nothing is allocated once the buffers have grown to what the bank sends.
//
// # Guarantees
//
//   - An answer is read to its end, whether its length was announced, chunked, or marked by the end of the connection.
//   - A request on a connection that the other side had closed in the meantime, without a byte of an answer, is sent once
//     more on a new one. So only requests may be sent that have one effect however often they arrive: reads, and commands
//     under an Idempotency-Key.
//   - Any other failure ends the connection, is returned, and the next request opens a new one.
//   - No request lasts longer than the timeout; most get all of it, none less than three quarters.
package lean
