// Package apifuzz asks a whole bank everything that its OpenAPI documents allow, nearly allow and do not allow: a real command API,
// query API and projector over Postgres and NATS, and requests that are drawn from the documents themselves.
//
// Each request is drawn in a mood: valid, with one or two faults, or hostile. Parameters, headers and bodies come from the
// schemas, so that an operation that is added to a document is asked like the others; ids, cursors, versions and positions
// are those of earlier answers, or made up. Held against each answer:
//
//   - it is what the document says for its operation and status: headers, media type, schema; an error has a code of the table;
//   - it is not our fault: no 5xx, for nothing is overloaded here;
//   - what the document allows is not refused as malformed, and what its schema does not allow is not accepted;
//   - the same write again under its key has the same answer.
//
// At the end the auditor proves the log and the read models. The seed is printed; PASSBOOK_TEST_SEED takes it back, which draws the
// same requests, but for the ids that the bank makes. PASSBOOK_TEST_FUZZ_SECONDS says how long it takes, a few seconds without it.
package apifuzz
