package readmodel_test

import (
	"cmp"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/readmodel"
)

// oracle answers from the log alone, one event after another.
type oracle struct {
	events   map[uuid.UUID][]eventstore.Event
	payloads map[uuid.UUID][]account.Event
	states   map[uuid.UUID][]account.State // after each event
}

func (b *bank) oracle() *oracle {
	b.t.Helper()
	o := &oracle{map[uuid.UUID][]eventstore.Event{}, map[uuid.UUID][]account.Event{}, map[uuid.UUID][]account.State{}}
	for _, e := range b.readLog(0, eventstore.ReadMax) {
		if e.StreamType != account.StreamType {
			continue
		}
		payload, err := b.codec.Decode(e)
		if err != nil {
			b.t.Fatal(err)
		}
		var before account.State
		if states := o.states[e.StreamID]; len(states) > 0 {
			before = states[len(states)-1]
		}
		o.events[e.StreamID] = append(o.events[e.StreamID], e)
		o.payloads[e.StreamID] = append(o.payloads[e.StreamID], payload)
		o.states[e.StreamID] = append(o.states[e.StreamID], account.Evolve(before, payload, e.RecordedAt))
	}
	return o
}

// signed is the movement of an event, if there is one.
func signed(payload account.Event) (int64, bool) {
	m, moved := account.MovementOf(payload)
	return int64(m.Amount), moved
}

// at returns the balance at a moment, and whether the account was open then by booking time.
func (o *oracle) at(id uuid.UUID, moment time.Time, basis readmodel.Basis) (balance int64, open bool) {
	for i, e := range o.events[id] {
		amount, _ := signed(o.payloads[id][i])
		recorded := !e.RecordedAt.After(moment)
		open = open || recorded
		if basis == readmodel.BasisRecorded && recorded || basis == readmodel.BasisEffective && !e.EffectiveAt.After(moment) {
			balance += amount
		}
	}
	return balance, open
}

// readers is a bank whose read models stand at the end of its log.
func readers(t *testing.T, seed uint64, events int) (*bank, *oracle) {
	t.Helper()
	b := newBank(t, seed)
	b.customers.Batch = 8 // some days go by
	head := b.write(events)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run)
	b.untilApplied(head)
	stop()
	return b, b.oracle()
}

func TestAccount(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 20, 1_000)
	for id, states := range o.states {
		s, events := states[len(states)-1], o.events[id]
		got, fresh, err := b.queries.Account(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want := readmodel.Account{
			ID: id, OwnerID: s.OwnerID, OwnerName: s.OwnerName, Currency: s.Currency.Code(), Balance: int64(s.Balance), Held: int64(s.Held),
			Available: int64(s.Available()), OverdraftLimit: int64(s.OverdraftLimit), Status: string(s.Status), FreezeScope: string(s.FreezeScope),
			Metadata: s.Metadata, Limits: limitsOf(s), Version: s.Version, Position: events[len(events)-1].Position,
			OpenedAt: events[0].RecordedAt, UpdatedAt: events[len(events)-1].RecordedAt,
		}
		if len(want.Metadata) == 0 {
			want.Metadata = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if fresh != (readmodel.Freshness{Position: 1_000}) {
			t.Errorf("freshness %+v", fresh)
		}
	}
	if _, fresh, err := b.queries.Account(t.Context(), uuid.New()); !errors.Is(err, readmodel.ErrNotFound) || fresh.Position != 1_000 {
		t.Errorf("an account that is not there: %v, %+v", err, fresh)
	}
}

// Every combination of filters, page by page, is what a walk over all accounts finds.
func TestAccounts(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 21, 1_500)
	for _, owner := range []string{"", "owner-1", "owner-2", "nobody"} {
		for _, status := range []string{"", "open", "frozen", "closed"} {
			for _, currency := range []string{"", "EUR", "JPY"} {
				f := readmodel.AccountFilter{OwnerID: owner, Status: status, Currency: currency}
				var want []uuid.UUID
				for id, states := range o.states {
					s := states[len(states)-1]
					if (owner == "" || s.OwnerID == owner) && (status == "" || string(s.Status) == status) && (currency == "" || s.Currency.Code() == currency) {
						want = append(want, id)
					}
				}
				slices.SortFunc(want, func(x, y uuid.UUID) int { return cmp.Compare(x.String(), y.String()) })
				if got := allAccounts(t, b, f); !slices.Equal(got, want) {
					t.Errorf("%+v: got %v, want %v", f, got, want)
				}
			}
		}
	}
}

func allAccounts(t *testing.T, b *bank, f readmodel.AccountFilter) []uuid.UUID {
	t.Helper()
	var ids []uuid.UUID
	for f.Limit = 4; ; {
		accounts, more, fresh, err := b.queries.Accounts(t.Context(), f)
		if err != nil || len(accounts) > 4 || fresh.Position != 1_500 {
			t.Fatalf("%d accounts, %+v, %v", len(accounts), fresh, err)
		}
		for _, a := range accounts {
			ids = append(ids, a.ID)
		}
		if !more {
			return ids
		}
		f.After = &readmodel.AccountCursor{AccountID: ids[len(ids)-1]}
	}
}

func TestBalanceAtAnyMoment(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 22, 1_000)
	random := rand.New(rand.NewPCG(22, 22))
	for id, events := range o.events {
		moments := []time.Time{events[0].RecordedAt, events[0].RecordedAt.Add(-time.Microsecond), b.customers.Head().RecordedAt.Add(time.Hour)}
		for range 12 {
			e := events[random.IntN(len(events))]
			moments = append(moments, e.RecordedAt, e.RecordedAt.Add(-time.Microsecond), e.EffectiveAt, e.EffectiveAt.Add(-time.Microsecond))
		}
		for _, at := range moments {
			want, open := o.at(id, at, readmodel.BasisRecorded)
			got, _, err := b.queries.BalanceAt(t.Context(), id, at, readmodel.BasisRecorded)
			if !open && !errors.Is(err, readmodel.ErrNotFound) || open && (err != nil || got.Balance != want || got.Currency != events0Currency(o, id) || got.Version == 0) {
				t.Fatalf("recorded at %s: got %+v, %v, want %d, open %v", at, got, err, want, open)
			}
			want, _ = o.at(id, at, readmodel.BasisEffective)
			got, _, err = b.queries.BalanceAt(t.Context(), id, at, readmodel.BasisEffective)
			if err != nil || got.Balance != want {
				t.Fatalf("effective at %s: got %+v, %v, want %d", at, got, err, want)
			}
		}
	}
	for _, basis := range []readmodel.Basis{readmodel.BasisRecorded, readmodel.BasisEffective} {
		if _, _, err := b.queries.BalanceAt(t.Context(), uuid.New(), time.Now(), basis); !errors.Is(err, readmodel.ErrNotFound) {
			t.Errorf("%s balance of no account: %v", basis, err)
		}
	}
	if _, _, err := b.queries.BalanceAt(t.Context(), uuid.New(), time.Now(), "lunar"); err == nil {
		t.Error("a basis of the moon")
	}
}

func events0Currency(o *oracle, id uuid.UUID) string { return o.states[id][0].Currency.Code() }

func TestDailyBalances(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 23, 1_200)
	first := o.first().Truncate(24 * time.Hour)
	last := b.customers.Head().RecordedAt
	from, to := first.AddDate(0, 0, 2), last.Truncate(24*time.Hour).AddDate(0, 0, 3)
	for id := range maps.Keys(o.events) {
		for _, basis := range []readmodel.Basis{readmodel.BasisRecorded, readmodel.BasisEffective} {
			days, currency, fresh, err := b.queries.DailyBalances(t.Context(), id, from, to, basis)
			if err != nil || currency != events0Currency(o, id) || fresh.Position != 1_200 {
				t.Fatal(currency, fresh, err)
			}
			if want := int(to.Sub(from) / (24 * time.Hour)); len(days) != want {
				t.Fatalf("%d days, want %d", len(days), want)
			}
			for i, d := range days {
				if want := o.day(id, from.AddDate(0, 0, i), basis); d != want {
					t.Fatalf("%s: got %+v, want %+v", basis, d, want)
				}
			}
		}
	}
	if _, _, _, err := b.queries.DailyBalances(t.Context(), uuid.New(), from, to, readmodel.BasisRecorded); !errors.Is(err, readmodel.ErrNotFound) {
		t.Errorf("days of no account: %v", err)
	}
	if _, _, _, err := b.queries.DailyBalances(t.Context(), uuid.New(), from, from.AddDate(30, 0, 0), readmodel.BasisRecorded); !errors.Is(err, readmodel.ErrTooManyDays) {
		t.Errorf("thirty years: %v", err)
	}
}

func (o *oracle) first() time.Time {
	first := time.Now()
	for _, events := range o.events {
		if at := events[0].RecordedAt; at.Before(first) {
			first = at
		}
	}
	return first
}

func (o *oracle) day(id uuid.UUID, date time.Time, basis readmodel.Basis) readmodel.DayBalance {
	end := date.AddDate(0, 0, 1)
	day := readmodel.DayBalance{Date: date}
	day.Balance, _ = o.at(id, end.Add(-time.Microsecond), basis)
	for i, e := range o.events[id] {
		at := e.RecordedAt
		if basis == readmodel.BasisEffective {
			at = e.EffectiveAt
		}
		amount, moved := signed(o.payloads[id][i])
		if !moved || at.Before(date) || !at.Before(end) {
			continue
		}
		day.Movements++
		if amount > 0 {
			day.In += amount
		} else {
			day.Out -= amount
		}
	}
	return day
}

func TestRawEvents(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 24, 300)
	for id, want := range o.events {
		var got []eventstore.Event
		for after := int64(0); ; after = got[len(got)-1].Version {
			events, more, err := b.queries.Events(t.Context(), id, after, 7)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, events...)
			if !more {
				break
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
	}
	if _, _, err := b.queries.Events(t.Context(), uuid.New(), 0, 7); !errors.Is(err, readmodel.ErrNotFound) {
		t.Errorf("events of no account: %v", err)
	}
}
