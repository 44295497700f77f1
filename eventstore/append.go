package eventstore

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Append commits those entries whose expected versions hold and whose keys are free, in the order given, in one
// transaction, and gives each its verdict. A conflict of one entry does not touch the others. The positions of answers are
// the caller's business; recorded_at is this process's clock, or the head's where that is later.
//
// The returned error is about all of them: nothing was written, or, if it is ErrOutcomeUnknown, nobody knows.
func (s *Store) Append(ctx context.Context, entries []Entry) ([]Verdict, error) {
	var verdicts []Verdict
	err := s.Exclusive(ctx, func(ctx context.Context, session *Session) error {
		j, err := newJudge(ctx, session, entries)
		if err != nil {
			return err
		}
		accepted, err := NewBatch(session.Head().Next(time.Now()))
		if err != nil {
			return err
		}
		verdicts = make([]Verdict, len(entries))
		for i := range entries {
			if verdicts[i] = j.judge(&entries[i]); verdicts[i].Err != nil {
				continue
			}
			if err := accepted.Add(&j.resolved); err != nil {
				return err
			}
		}
		return session.Append(ctx, accepted)
	})
	if err != nil {
		return nil, err
	}
	return verdicts, nil
}

// judge decides entry by entry what may stand, given the versions and answers in the log and those accepted before.
type judge struct {
	versions map[uuid.UUID]int64
	answers  map[Key]Answer
	position int64
	resolved Entry // the entry just accepted, with AnyVersion replaced
}

func newJudge(ctx context.Context, session *Session, entries []Entry) (*judge, error) {
	var ids []uuid.UUID
	var keys []Key
	for i := range entries {
		for j := range entries[i].Appends {
			ids = append(ids, entries[i].Appends[j].StreamID)
		}
		if answer := entries[i].Answer; answer != nil {
			keys = append(keys, answer.Key)
		}
	}
	versions, err := session.Versions(ctx, ids)
	if err != nil {
		return nil, err
	}
	answers, err := session.Answers(ctx, keys)
	if err != nil {
		return nil, err
	}
	return &judge{versions: versions, answers: answers, position: session.Head().Position}, nil
}

func (j *judge) judge(entry *Entry) Verdict {
	if entry.Answer != nil {
		if answer, taken := j.answers[entry.Answer.Key]; taken {
			return Verdict{Err: &KeyTaken{Key: entry.Answer.Key, Answer: &answer}}
		}
	}
	resolved, after, conflict := j.resolve(entry)
	if conflict != nil {
		return Verdict{Err: conflict}
	}
	return j.accept(resolved, after)
}

// resolve replaces AnyVersion by the version the stream has at that point of the batch.
func (j *judge) resolve(entry *Entry) (Entry, map[uuid.UUID]int64, *VersionConflict) {
	resolved := Entry{Answer: entry.Answer, Appends: make([]Append, len(entry.Appends))}
	after := make(map[uuid.UUID]int64, len(entry.Appends))
	for i, a := range entry.Appends {
		actual, seen := after[a.StreamID]
		if !seen {
			actual = j.versions[a.StreamID]
		}
		if a.Expected != AnyVersion && a.Expected != actual {
			return Entry{}, nil, &VersionConflict{StreamID: a.StreamID, Expected: a.Expected, Actual: actual}
		}
		a.Expected = actual
		resolved.Appends[i] = a
		after[a.StreamID] = actual + int64(len(a.Events))
	}
	return resolved, after, nil
}

func (j *judge) accept(entry Entry, after map[uuid.UUID]int64) Verdict {
	j.resolved = entry
	j.position += entry.Events()
	verdict := Verdict{Position: j.position}
	for id, version := range after {
		j.versions[id] = version
	}
	if n := len(entry.Appends); n > 0 {
		verdict.Version = after[entry.Appends[n-1].StreamID]
	}
	if entry.Answer != nil {
		j.answers[entry.Answer.Key] = *entry.Answer
	}
	return verdict
}

// Events is how many events the entry holds.
func (e *Entry) Events() int64 {
	var n int64
	for i := range e.Appends {
		n += int64(len(e.Appends[i].Events))
	}
	return n
}
