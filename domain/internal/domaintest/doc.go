// Package domaintest tests what all packages of the domain have alike: sets of commands, events and refusals that are closed, and
// events whose bytes are kept for ever. A package's tests say what its own are.
package domaintest
