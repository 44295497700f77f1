// Package httpapi is what both HTTP APIs have in common: the server and its limits, the order in which a request is examined,
// who may do what, the strict reading of bodies and parameters, and the one table of errors. Echo lives below this directory
// and nowhere else; the operations themselves are in commandapi and queryapi.
//
// # Order of examination
//
// Route (404, 405), token (401), rate of the caller (429), scope (403), rate of the account in the path (429), query parameters (400), media type (415), size (413), form of the body (400, or
// 422 for an amount that no command can have), headers of the operation (400), then the operation itself. Whatever stops a
// request stops it before anything was done.
//
// A request that carries others (a bulk) is examined as a whole, and then each of those in the same order from its scope on; see
// [Call.Carry].
//
// # Failures
//
// Everything that is not an answer goes through [Error] and the table in problem.go, panics included: a panic is logged
// once with its stack and told as internal_error. No text of a library or driver reaches a client.
package httpapi
