// Package pgkit is how every binary talks to Postgres: it opens pools with the least privilege and limits
// (Open), brings a schema up to date (Migrate), tells whether it is (Current), and sorts the errors that come
// back by what the caller may do next (errors.go).
package pgkit
