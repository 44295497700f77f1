package readmodel_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel"
)

// standing is a bank whose projections were made to stand at positions, without an engine.
func standing(t *testing.T, events int) *bank {
	b := newBank(t, 1)
	b.write(events)
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		b.exec(`INSERT INTO readmodel.checkpoints (projection, generation, code_version, live, position, state, cause) VALUES ($1, 1, 1, true, $2, 'running', '')`, name, events)
		b.exec(`INSERT INTO leases (name, holder, epoch, expires_at) VALUES ($1, 'test', 3, now() + interval '1 hour')`, "projection/"+name)
	}
	return b
}

func (b *bank) fullStatus(wanted ...string) readmodel.Status {
	b.t.Helper()
	s, err := b.queries.Status(b.t.Context(), wanted...)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestStatusNeverCallsHealthyWhatMissesData(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sql     string
		state   string
		lag     int64 // events
		age     bool  // of the oldest pending event is known
		problem string
	}{
		"complete":   {`SELECT`, readmodel.StateLive, 0, false, ""},
		"a bit back": {`UPDATE readmodel.checkpoints SET position = 7`, readmodel.StateCatchingUp, 3, true, ""},
		"stands still, events pending": {`UPDATE readmodel.checkpoints SET position = 7, updated_at = now() - interval '1 minute'`,
			readmodel.StateStalled, 3, true, "has not moved from 7"},
		"stopped": {`UPDATE readmodel.checkpoints SET position = 7, state = 'stopped', cause = 'poison'`, readmodel.StateStopped, 3, true, "poison"},
		"the log ends before the checkpoint": {`UPDATE readmodel.checkpoints SET position = 11`, readmodel.StateAhead, 0, false,
			"past the end of the log"},
		"the pending event is missing from the log": {`UPDATE readmodel.checkpoints SET position = 10, updated_at = now() - interval '1 minute'; UPDATE log_head SET position = 12`,
			readmodel.StateStalled, 2, true, "has not moved from 10"},
		"nobody leads":               {`UPDATE leases SET expires_at = now() - interval '1 minute'`, readmodel.StateLive, 0, false, "no instance holds its lease"},
		"nobody leads, for a moment": {`UPDATE leases SET expires_at = now() - interval '2 seconds'`, readmodel.StateLive, 0, false, ""},
		"never began":                {`DELETE FROM readmodel.checkpoints`, readmodel.StateWaiting, 10, false, "never began"},
		"an old generation stopped":  {`UPDATE readmodel.checkpoints SET live = false, place = 'previous', state = 'stopped', cause = 'old', position = 3`, readmodel.StateStopped, 7, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := standing(t, 10)
			b.exec(`ALTER TABLE events DISABLE TRIGGER events_append_only`)
			b.exec(`UPDATE events SET recorded_at = now() - interval '1 minute'`)
			for sql := range strings.SplitSeq(test.sql, ";") {
				b.exec(sql)
			}
			s := b.fullStatus(readmodel.Balances, readmodel.Timeline)
			if len(s.Projections) != 2 {
				t.Fatalf("%+v", s)
			}
			p := s.Projections[0]
			if p.State != test.state || p.LagEvents != test.lag || (p.LagMilliseconds > 30_000) != test.age {
				t.Errorf("%+v", p)
			}
			if s.Healthy != (test.problem == "") || !strings.Contains(strings.Join(s.Problems, ";"), test.problem) {
				t.Errorf("healthy is %v: %q", s.Healthy, s.Problems)
			}
		})
	}
}

func TestStatusKnowsRatesAndLeaders(t *testing.T) {
	t.Parallel()
	b := standing(t, 10)
	b.exec(`INSERT INTO readmodel.marks (subject, generation, position, at, event_id)
		SELECT subject, CASE subject WHEN 'log' THEN 0 ELSE 1 END, position, now() - interval '11 seconds' + position * interval '1 second', gen_random_uuid()
		FROM unnest(ARRAY['log', 'balances']) AS subject, generate_series(0, 4) AS p(n), LATERAL (SELECT n + 1 AS position) AS q`)
	s := b.fullStatus()
	// The position ten seconds ago was 1: 10 seconds ago and not later.
	if s.AppendRate != 0.9 || s.Projections[0].Rate != 0.9 || s.Projections[1].Rate != 0 {
		t.Errorf("rates: log %v, projections %v and %v", s.AppendRate, s.Projections[0].Rate, s.Projections[1].Rate)
	}
	if l := s.Projections[0].Lease; l.Holder != "test" || !l.Held || l.Epoch != 3 || time.Until(l.Until) < time.Minute {
		t.Errorf("lease %+v", l)
	}
}

func TestStatusHoldsTheStreamAgainstTheLog(t *testing.T) {
	t.Parallel()
	b := standing(t, 10)
	last := b.readLog(9, 1)[0]
	seventh := b.readLog(6, 1)[0]
	for name, test := range map[string]struct {
		seen  readmodel.Transport
		state string
		lag   int64
	}{
		"never seen":           {readmodel.Transport{}, readmodel.RelayUnknown, 10},
		"seen long ago":        {readmodel.Transport{ObservedAt: time.Now().Add(-time.Minute), Found: true, Position: 10, EventID: last.ID}, readmodel.RelayUnknown, 0},
		"broker away":          {readmodel.Transport{ObservedAt: time.Now(), Cause: "broker away"}, readmodel.RelayUnknown, 10},
		"no stream":            {readmodel.Transport{ObservedAt: time.Now()}, readmodel.RelayMissing, 10},
		"complete":             {readmodel.Transport{ObservedAt: time.Now(), Found: true, Position: 10, EventID: last.ID}, readmodel.RelayLive, 0},
		"behind":               {readmodel.Transport{ObservedAt: time.Now(), Found: true, Position: 7, EventID: seventh.ID}, readmodel.RelayLive, 3},
		"past the log":         {readmodel.Transport{ObservedAt: time.Now(), Found: true, Position: 12, EventID: uuid.New()}, readmodel.RelayForeign, 0},
		"another event stands": {readmodel.Transport{ObservedAt: time.Now(), Found: true, Position: 7, EventID: uuid.New()}, readmodel.RelayForeign, 3},
	} {
		s := b.fullStatus()
		if err := b.queries.See(context.WithoutCancel(t.Context()), &s, test.seen); err != nil {
			t.Fatal(err)
		}
		r := s.Relay
		caughtUp := r.State == readmodel.RelayCatchingUp && test.state == readmodel.RelayLive && test.lag > 0 // slow machine
		if r.State != test.state && !caughtUp || r.LagEvents != test.lag || (r.LagMilliseconds > 0) != (test.lag > 0) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
