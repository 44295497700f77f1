// Package client is the Go client of the bank's two HTTP APIs.
//
//	bank, err := client.New(client.Options{
//		CommandURL: "http://localhost:8080",
//		QueryURL:   "http://localhost:8081",
//		Token:      client.StaticToken(os.Getenv("PASSBOOK_TOKEN")),
//	})
//
// Its types and a method for each operation are generated from the OpenAPI documents (api/command.yaml, api/query.yaml), so that what a method
// does is told there and in the same words beside it. By hand is what all operations have in common, and this page tells it.
//
// # Commands
//
// A command has an idempotency key, which its caller chooses: one key for one intention, such as the number of an invoice. However often
// the command is sent under it, by this program or by the next one after a crash, it has one effect, and the same answer. NewKey makes one for who has nothing
// to make it of. Two equal commands under two keys are two payments.
//
// # Failures
//
// What the bank refuses is a *Problem, found with errors.As: program against its Code, or ask IsCode. A command that waits for a second person is a *PendingApproval. A request that may succeed later is sent
// again by the client, where that is safe: reads, and commands with their key. Such are those that the network lost, those that the bank
// answered with 429, 503 or 504, and those whose problem says that it is retryable, as a request in progress under the same key is; but not where
// one end does not accept the other's certificate. Retry-After is honoured; without it the wait grows from Retry.WaitMin to Retry.WaitMax, with jitter. It ends with the context, or after
// Retry.Patience with an error that is ErrPatience and wraps the last failure. What became of a command that ended so is not known: the same key tells.
//
// # Reading one's own writes
//
// Read models follow the log by a few milliseconds. The client keeps the position of its latest command and demands it of each read, which then waits for it. A
// program that hands over to another gives Position on, and the other says Saw. MinPosition demands something else for one read.
//
// # Lists, streams, bulks
//
// Each list has an iterator over all of its pages (Accounts beside ListAccounts). Stream follows accounts as things happen and comes back by
// itself when it is cut, without a gap and without an event twice. Bulk sends many commands in one request, and BulkStream any number of them.
package client
