// Package denials is the audit trail of what was asked and not granted: who was refused what, from where, with which program.
// What was granted is in the log.
//
// # What it promises
//
// A [Trail] takes a denial without waiting, whatever the database does: writing is done beside, in batches. It holds a bounded
// number of them. Each process writes so many a second one by one, and of those only a part for any one source (a caller or,
// without a good token, an address), so that nobody hides among the denials of others, and nobody hides others by being denied a
// lot. What is beyond that is counted: as a row for many that are alike, once a second, and when there are too many kinds, as
// a number alone. The sum of the column times is what was denied, unless the process was killed before it had written.
//
// # What it holds
//
// Ids, names from the token, the route as the document has it, the request's id, what the program calls itself, the address. No body, no
// header besides, no query string and no path: nothing that a client wrote in the wrong place is kept. See [Denial].
//
// # Failures
//
// While the database is away, denials wait, and then become counts. A batch of which nobody knows whether it arrived is sent again and
// stands once. A batch that Postgres refuses is counted as omitted.
package denials
