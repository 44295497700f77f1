// Package bank joins the aggregates: it is the rule book of what concerns more than one of them at once, and the one place
// that knows all streams of the log.
//
// A [Command] names the aggregates that it is about ([Concerned]); [Decide] takes them as they are and answers with the events
// that follow for each stream. All of it stands in one append, so money never leaves one account without reaching the other, a
// payment has its money held from its first moment to its outcome, and a transaction is not undone twice. Everything is pure,
// as in the packages below it, whose rules each aggregate is judged by.
package bank
