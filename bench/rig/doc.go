// Package rig is what a comparison stands on: one private Postgres that syncs every commit, the bank's binaries as processes
// of their own, and the counters that tell what a stretch of work has cost, read from the server and from /proc.
package rig
