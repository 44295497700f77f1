package auditor

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Parked is an account that a projection has set aside: its rows are held to the fold of its events up to Version.
type Parked struct {
	AccountID  uuid.UUID `json:"account_id"`
	Version    int64     `json:"version"`  // applied last
	Position   int64     `json:"position"` // of the event that cannot be applied
	StaleSince time.Time `json:"stale_since"`
	Class      string    `json:"class"`
	Cause      string    `json:"cause"`
}

// Skipped is an event that an operator had passed over. Rows with it and rows without it are both right.
type Skipped struct {
	AccountID uuid.UUID `json:"account_id"`
	Version   int64     `json:"version"`
	Position  int64     `json:"position"`
	Reason    string    `json:"reason"`
}

// aside is what a projection has not applied although it is past it.
type aside struct {
	parked  map[uuid.UUID]Parked
	skipped map[uuid.UUID]map[int64]bool // versions
}

func newAside() aside {
	return aside{parked: map[uuid.UUID]Parked{}, skipped: map[uuid.UUID]map[int64]bool{}}
}

// waits reports whether an event of the account waits behind another.
func (a aside) waits(id uuid.UUID, version int64) bool {
	p, parked := a.parked[id]
	return parked && version > p.Version
}

// readAside reads what is parked and passed over, for each table that is compared.
func (a *audit) readAside(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, selectParked, a.options.Place)
	if err != nil {
		return fmt.Errorf("read what is parked: %w", err)
	}
	var name string
	var p Parked
	_, err = pgx.ForEachRow(rows, []any{&name, &p.AccountID, &p.Version, &p.Position, &p.StaleSince, &p.Class, &p.Cause}, func() error {
		if report, aside := a.projection(name); report != nil {
			p.StaleSince = p.StaleSince.UTC()
			report.Parked = append(report.Parked, p)
			aside.parked[p.AccountID] = p
			a.known[p.Position] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what is parked: %w", err)
	}
	if rows, err = tx.Query(ctx, selectSkipped); err != nil {
		return fmt.Errorf("read what is passed over: %w", err)
	}
	var s Skipped
	_, err = pgx.ForEachRow(rows, []any{&name, &s.AccountID, &s.Version, &s.Position, &s.Reason}, func() error {
		if report, aside := a.projection(name); report != nil {
			report.Skipped = append(report.Skipped, s)
			if aside.skipped[s.AccountID] == nil {
				aside.skipped[s.AccountID] = map[int64]bool{}
			}
			aside.skipped[s.AccountID][s.Version] = true
			a.known[s.Position] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what is passed over: %w", err)
	}
	return nil
}

// projection is the report and the aside of a projection; nil for one that is not compared.
func (a *audit) projection(name string) (*ProjectionReport, aside) {
	for _, b := range a.books {
		if report, aside := b.report(); report.Name == name {
			return report, aside
		}
	}
	return nil, aside{}
}

// lines describe for people what was set aside.
func (p ProjectionReport) lines() []string {
	var lines []string
	for _, a := range p.Parked {
		lines = append(lines, fmt.Sprintf("%s: account %s is parked behind event %d (%s), compared up to version %d, stale since %s",
			p.Name, a.AccountID, a.Position, a.Class, a.Version, a.StaleSince.Format(time.RFC3339)))
	}
	for _, s := range p.Skipped {
		lines = append(lines, fmt.Sprintf("%s: event %d of account %s was passed over: %s", p.Name, s.Position, s.AccountID, s.Reason))
	}
	return lines
}
