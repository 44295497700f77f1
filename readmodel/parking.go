package readmodel

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
	"passbook/readmodel/internal/db"
)

// An event that cannot be applied is its own account's affair. The account is parked: its rows stay as they were before the event,
// the later events of the account wait behind it in the log, all other accounts go on, and so does the checkpoint. What is parked
// is changed only by who has the checkpoint's row, and each change counts up the row's number: a runner that finds the number moved
// reads the list anew, within its transaction.

// Skips are events that operators have decided to pass over: versions by account.
type Skips map[uuid.UUID][]int64

func (s Skips) has(account uuid.UUID, version int64) bool {
	return len(s) > 0 && slices.Contains(s[account], version)
}

// behind is the version after those that were passed over right behind a version and before another.
func (s Skips) behind(account uuid.UUID, version, before int64) int64 {
	for version+1 < before && s.has(account, version+1) {
		version++
	}
	return version
}

// LoadSkips returns what operators have passed over in a projection. It is the same for all its generations.
func LoadSkips(ctx context.Context, conn db.DBTX, projection string) (Skips, error) {
	rows, err := db.New(conn).SkippedVersions(ctx, projection)
	if err != nil {
		return nil, fmt.Errorf("read what is passed over: %w", err)
	}
	skips := Skips{}
	for _, row := range rows {
		skips[row.AccountID] = append(skips[row.AccountID], row.Version)
	}
	return skips, nil
}

// parking is what a runner knows of the accounts that its generation has set aside.
type parking struct {
	number   int64 // of the change that this shows; -1: none
	accounts map[uuid.UUID]bool
	skips    Skips
}

func unknownParking() parking { return parking{number: -1} }

// read is for who has the checkpoint: nobody changes anything meanwhile.
func (p *parking) read(ctx context.Context, tx pgx.Tx, c checkpoint, number int64) error {
	if p.number == number {
		return nil
	}
	ids, err := db.New(tx).ParkedAccounts(ctx, db.ParkedAccountsParams{Projection: c.projection, Generation: c.generation})
	if err != nil {
		return fmt.Errorf("read what is parked: %w", err)
	}
	skips, err := LoadSkips(ctx, tx, c.projection)
	if err != nil {
		return err
	}
	*p = parking{number: number, accounts: make(map[uuid.UUID]bool, len(ids)), skips: skips}
	for _, id := range ids {
		p.accounts[id] = true
	}
	return nil
}

// pass leaves out the events of parked accounts: they wait in the log.
func (p *parking) pass(events []eventstore.Event) []eventstore.Event {
	if len(p.accounts) == 0 {
		return events
	}
	left := make([]eventstore.Event, 0, len(events))
	for i := range events {
		if !p.accounts[events[i].StreamID] {
			left = append(left, events[i])
		}
	}
	return left
}

// ParkReplayed sets accounts aside in the next generation, in the transaction that ends the replay of their shard.
func ParkReplayed(ctx context.Context, tx pgx.Tx, config Config, p Projector, generation int, refused []*Refusal) error {
	if len(refused) == 0 {
		return nil
	}
	c := checkpoint{projection: p.Name, place: PlaceNext, codeVersion: p.Version, generation: generation}
	n, err := park(ctx, tx, c, config.Build, refused)
	if err == nil && n > config.ParkedMax {
		err = fmt.Errorf("%w (%d of %d): %w", errParkedMax, n, config.ParkedMax, firstRefused(refused))
	}
	return err
}

// ParkedIn returns the accounts that are set aside in any of the generations of a projection.
func ParkedIn(ctx context.Context, conn db.DBTX, projection string, generations Generations) (accounts [][16]byte, err error) {
	for _, g := range generations {
		ids, err := db.New(conn).ParkedAccounts(ctx, db.ParkedAccountsParams{Projection: projection, Generation: g.Number})
		if err != nil {
			return nil, fmt.Errorf("read what is parked: %w", err)
		}
		for _, id := range ids {
			accounts = append(accounts, id)
		}
	}
	return accounts, nil
}

// errParkedMax: so many events that cannot be applied are not the events' fault.
var errParkedMax = errors.New("more accounts would be parked than PARKED_MAX allows: something is wrong with all of them, not with an event")

// park sets the accounts aside in the transaction that writes what could be applied of them.
func park(ctx context.Context, tx pgx.Tx, c checkpoint, build string, refused []*Refusal) (parked int, err error) {
	q := db.New(tx)
	for _, r := range refused {
		e := &r.Events[0]
		err := q.ParkAccount(ctx, db.ParkAccountParams{
			Projection: c.projection, Generation: c.generation, AccountID: r.Stream, EventID: e.ID, EventType: e.Type,
			Version: r.version, Position: e.Position, StaleSince: e.RecordedAt, Attempts: 1,
			Class: classOf(r.Err.Err), Cause: shortened(r.Err.Err.Error()), Build: build,
		})
		if err != nil {
			return 0, fmt.Errorf("park account %s: %w", r.Stream, err)
		}
	}
	return countParked(ctx, tx, c)
}

func countParked(ctx context.Context, tx pgx.Tx, c checkpoint) (int, error) {
	n, err := db.New(tx).CountParked(ctx, db.CountParkedParams{Projection: c.projection, Generation: c.generation})
	if err != nil {
		return 0, fmt.Errorf("count what is parked: %w", err)
	}
	return n, nil
}

// shortened keeps a cause readable, and never empty; the log of the process has the rest.
func shortened(text string) string {
	runes := []rune(text)
	if len(runes) == 0 {
		return "no cause given"
	}
	return string(runes[:min(len(runes), causeMax)])
}
