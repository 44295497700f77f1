// Package e2e tries the bank as its users do: the real binaries as processes of their own, HTTP from outside, kills in the
// middle. Every test ends with the auditor, which recomputes the truth from the log.
package e2e
