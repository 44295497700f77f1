package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"passbook/readmodel/internal/db"
)

// States of a projection.
const (
	StateLive       = "live"
	StateCatchingUp = "catching_up" // behind by more than liveLag
	StateStopped    = "stopped"     // an event cannot be applied
	StateStalled    = "stalled"     // events are pending, and the position has not moved for StalledAfter
	StateAhead      = "ahead"       // past the end of the log: the log was restored, the rows contain what never happened
	StateWaiting    = "waiting"     // never began: no instance keeps it
)

// liveLag: a projection whose oldest pending event is younger counts as live.
const liveLag = time.Second

// StalledAfter is how long the position of a projection may stand still while events are pending, or its lease may be nobody's,
// before health turns red.
const StalledAfter = 15 * time.Second

// rateWindow is over how long a rate is taken. The statements in queries/status.sql know it, too.
const rateWindow = 10 * time.Second

// Projection is where a generation of a projection stands.
type Projection struct {
	Name            string    `json:"name"`
	Generation      int       `json:"generation"`
	CodeVersion     int       `json:"code_version"`
	Live            bool      `json:"live"` // it serves readers
	Position        int64     `json:"position"`
	Head            int64     `json:"head"` // of the log
	LagEvents       int64     `json:"lag_events"`
	LagMilliseconds int64     `json:"lag_ms"` // age of the oldest event not applied, 0 when there is none
	Rate            float64   `json:"rate"`   // events applied a second, over the last ten
	State           string    `json:"state"`
	Cause           string    `json:"cause,omitempty"` // of a stop
	Parked          int64     `json:"parked"`          // accounts set aside
	Lease           Lease     `json:"lease"`
	UpdatedAt       time.Time `json:"updated_at,omitzero"` // when the position moved
}

// Lease is who leads.
type Lease struct {
	Holder string    `json:"holder"` // the last one when it is not held; "" when nobody ever led
	Epoch  int64     `json:"epoch"`
	Until  time.Time `json:"until,omitzero"`
	Held   bool      `json:"held"`
}

// Relay is how far the log has been carried to the stream.
type Relay struct {
	Lease           Lease     `json:"lease"`
	Position        int64     `json:"position"` // of the last message
	LagEvents       int64     `json:"lag_events"`
	LagMilliseconds int64     `json:"lag_ms"`
	State           string    `json:"state"` // a Relay constant
	Stream          Transport `json:"stream"`
}

// States of the relay.
const (
	RelayLive       = "live"
	RelayCatchingUp = "catching_up"
	RelayUnknown    = "unknown" // the stream cannot be seen: the broker is away, or no projector looks
	RelayMissing    = "missing" // there is no stream: the relay has not made it yet
	RelayForeign    = "foreign" // the stream is of another history than the log: nothing is published until that is resolved
)

// Status is where everything stands that carries events from the log to the readers.
type Status struct {
	Healthy     bool         `json:"healthy"`
	Problems    []string     `json:"problems"` // of the projections: why they are not healthy
	ReadAt      time.Time    `json:"read_at"`
	Head        int64        `json:"head"`
	HeadAt      time.Time    `json:"head_at"`
	AppendRate  float64      `json:"append_rate"` // events a second, over the last ten
	Projections []Projection `json:"projections"`
	Relay       Relay        `json:"relay"`
}

// Projections returns all that ever began, by name and generation, and those of this code that never did.
func (q *Queries) Projections(ctx context.Context) ([]Projection, error) {
	rows, err := db.New(q.pool).Projections(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the projections: %w", err)
	}
	statuses := make([]Projection, len(rows))
	for i := range rows {
		statuses[i] = projectionOf(&rows[i])
	}
	return statuses, nil
}

func projectionOf(row *db.ProjectionsRow) Projection {
	return Projection{
		Name: row.Projection, Generation: row.Generation, CodeVersion: row.CodeVersion, Live: row.Live,
		Position: row.Position, Head: row.Head, LagEvents: max(0, row.Head-row.Position), LagMilliseconds: row.LagMilliseconds,
		Rate: rate(row.PastPosition, row.Position), State: state(row), Cause: row.Cause, Parked: int64(row.Parked),
		Lease: leaseOf(row.Holder, row.Epoch, row.ExpiresAt, row.Held), UpdatedAt: row.UpdatedAt.UTC(),
	}
}

func state(row *db.ProjectionsRow) string {
	stalled := StalledAfter.Milliseconds()
	switch {
	case row.Position > row.Head:
		return StateAhead
	case row.State == StateStopped:
		return StateStopped
	case row.LagMilliseconds > stalled && row.StillMilliseconds > stalled:
		return StateStalled
	case row.LagMilliseconds > liveLag.Milliseconds():
		return StateCatchingUp
	default:
		return StateLive
	}
}

// rate is how much a position moved a second since rateWindow ago; 0 when that is not known.
func rate(past, position int64) float64 {
	if past < 0 || position < past {
		return 0
	}
	return float64(position-past) / rateWindow.Seconds()
}

func leaseOf(holder string, epoch int64, until *time.Time, held bool) Lease {
	l := Lease{Holder: holder, Epoch: epoch, Held: held}
	if until != nil {
		l.Until = until.UTC()
	}
	return l
}

// Status returns where everything stands. The projections named as wanted must be there: one that never began is listed as
// waiting, so that nobody takes its silence for health.
func (q *Queries) Status(ctx context.Context, wanted ...string) (Status, error) {
	projections, err := q.Projections(ctx)
	if err != nil {
		return Status{}, err
	}
	row, err := db.New(q.pool).LogAndRelay(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("read the state of log and relay: %w", err)
	}
	s := Status{
		ReadAt: row.ReadAt.UTC(), Head: row.Head, HeadAt: row.HeadAt.UTC(), AppendRate: rate(row.PastPosition, row.Head),
		Projections: withWaiting(projections, wanted, row.Head),
	}
	var seen Transport
	if err := json.Unmarshal(row.Seen, &seen); err != nil {
		return Status{}, fmt.Errorf("read the state of the stream: %w", err)
	}
	s.Relay.Lease = leaseOf(row.Holder, row.Epoch, row.ExpiresAt, row.Held)
	if row.ObservedAt != nil {
		seen.ObservedAt, seen.Observer = row.ObservedAt.UTC(), row.Observer
	}
	if err := q.see(ctx, &s, seen); err != nil {
		return Status{}, err
	}
	s.judge()
	return s, nil
}

func withWaiting(projections []Projection, wanted []string, head int64) []Projection {
	for _, name := range wanted {
		if !slices.ContainsFunc(projections, func(p Projection) bool { return p.Name == name }) {
			projections = append(projections, Projection{Name: name, Head: head, LagEvents: head, State: StateWaiting})
		}
	}
	return projections
}

// judge says what is wrong with the projections that serve readers.
func (s *Status) judge() {
	s.Problems = []string{}
	for i := range s.Projections {
		p := &s.Projections[i]
		if problem := p.problem(s.ReadAt); problem != "" {
			s.Problems = append(s.Problems, p.Name+": "+problem)
		}
	}
	s.Healthy = len(s.Problems) == 0
}

// problem says why a projection is not healthy, "" when it is. A generation that serves nobody is nobody's problem.
func (p *Projection) problem(now time.Time) string {
	switch {
	case p.State == StateWaiting:
		return "never began: no instance keeps it"
	case !p.Live:
		return ""
	case p.State == StateAhead:
		return fmt.Sprintf("at %d, past the end of the log, which is %d: the log was restored (projector doctor)", p.Position, p.Head)
	case p.State == StateStopped:
		return "stopped: " + p.Cause
	case p.State == StateStalled:
		return fmt.Sprintf("has not moved from %d since %s, while %d events are pending", p.Position, p.UpdatedAt.Format(time.RFC3339), p.LagEvents)
	case !p.Lease.Held && now.Sub(p.Lease.Until) > StalledAfter:
		return "no instance holds its lease"
	}
	return ""
}
