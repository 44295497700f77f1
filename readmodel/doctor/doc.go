// Package doctor finds and repairs what is ahead of the log, or of another history than the log, after Postgres was restored to an
// earlier point.
//
// # What a restore leaves behind
//
// The log is the truth, also when it has become shorter. What was made from the part that is gone is not: checkpoints and rows of
// read models, where they were not restored together with the log; the JetStream stream, which is not in Postgres at all; the
// place at which the relay goes on, which is the stream's last message; the consumers' places in it.
//
// A position tells only half of it. When the restored log has grown past the old positions, everything seems to be in order, but
// the same positions have other events. So every comparison is by event id, or by account, version and booking time where a row
// has no id: rows with the log, marks with the log, messages with the log.
//
// # Repair
//
// Nothing of the log is touched. Read models are a fold of it: their rows are emptied and their checkpoint set to 0 in one
// transaction, and the projector folds the log again; readers see them grow. The stream is deleted: it takes its consumers with it,
// the relay makes it anew and fills it from the log. Snapshots are thrown away. Every step can be repeated; relay and projector go
// on by themselves, whether they were running or not.
//
// What cannot be repaired is said and left alone: a head row that is not at the last event, and answers of commands whose events are
// gone, come from a restore that was not of one moment.
package doctor
