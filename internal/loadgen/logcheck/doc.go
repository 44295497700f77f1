// Package logcheck holds the acknowledgements of a load run against the log in the database: each acknowledged command must
// stand there exactly once. It reads tables, not the bank's interface, so that a bank that remembers wrongly cannot vouch for
// itself; and it lets the auditor prove the log and the read models.
package logcheck
