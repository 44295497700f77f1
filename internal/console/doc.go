// Package console is how a command talks to whoever started it, the same for every command of every binary.
//
// # Where things go
//
// Standard output has the result and nothing else: text for people, or with --json exactly one JSON document (a command that
// goes on for ever, such as a watch, writes one compact object a line). Everything else, that is progress, previews and
// questions, goes to standard error, so that a result can be piped.
//
// # Progress
//
// A bar with count, rate and time left on a terminal; a line every few seconds elsewhere; with --json the same line as an object.
//
// # Confirmation
//
// What drops or overwrites shows first what it would do. It goes on when --yes was given, or when a person at a terminal types
// yes. Without either it is refused, with an exit code of its own: a script that forgot --yes must notice.
package console
