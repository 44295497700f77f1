package readmodel_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/readmodel"
)

// news reads everything that a filter picks, page after page.
func (b *bank) news(f readmodel.NewsFilter, after int64) (all []readmodel.News) {
	b.t.Helper()
	for {
		page, err := b.queries.News(b.t.Context(), f, after)
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, page.News...)
		if page.Through == after {
			return all
		}
		after = page.Through
	}
}

func positionsOf(news []readmodel.News) []int64 {
	positions := []int64{}
	for _, n := range news {
		positions = append(positions, n.Position)
	}
	return positions
}

// News are the events of the log in its order, each with what the timeline says, for all, for an owner and for an account, after any position.
func TestNewsAreTheLogAsTheTimelineTellsIt(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 71, 3_000)
	all := b.news(readmodel.NewsFilter{}, 0)
	owners := map[string]bool{}
	told := map[uuid.UUID][]readmodel.TimelineRow{}
	for _, n := range all {
		if n.Withheld || len(n.LogMetadata) == 0 {
			t.Fatalf("%+v", n)
		}
		owners[n.OwnerID] = true
		told[n.AccountID] = append(told[n.AccountID], n.TimelineRow)
	}
	if len(told) != len(o.events) || !slices.IsSorted(positionsOf(all)) {
		t.Fatalf("news of %d accounts, the log has %d; sorted: %v", len(told), len(o.events), slices.IsSorted(positionsOf(all)))
	}
	for id, events := range o.events {
		rows, _, _, err := b.queries.Timeline(t.Context(), readmodel.TimelineFilter{AccountID: id, Limit: 1_000})
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(rows)
		for i := range rows {
			rows[i].ReversedAmount, rows[i].Reversals = 0, nil // later than the row
		}
		if len(rows) != len(events) || !reflect.DeepEqual(rows, told[id]) {
			t.Fatalf("account %s: %d events, %d rows, %d news, or one differs", id, len(events), len(rows), len(told[id]))
		}
	}
	picks := func(f readmodel.NewsFilter, after int64) {
		t.Helper()
		var want []int64
		for _, n := range all {
			if n.Position > after && f.Picks(&n) {
				want = append(want, n.Position)
			}
		}
		if got := positionsOf(b.news(f, after)); !slices.Equal(got, want) {
			t.Errorf("%+v after %d: %d news, want %d", f, after, len(got), len(want))
		}
	}
	for after := int64(0); after < 3_000; after += 431 {
		picks(readmodel.NewsFilter{}, after)
		for owner := range owners {
			picks(readmodel.NewsFilter{OwnerID: owner}, after)
		}
		for id := range told {
			picks(readmodel.NewsFilter{AccountID: id}, after)
		}
	}
}

// An event is told when all the projections that are read after it have it, and not before.
func TestNewsWaitForTheProjections(t *testing.T) {
	t.Parallel()
	b, _ := readers(t, 72, 100)
	for _, name := range []string{readmodel.Balances, readmodel.Timeline, readmodel.Holds} {
		b.exec(`UPDATE readmodel.checkpoints SET position = 60 WHERE projection = $1`, name)
		page, err := b.queries.News(t.Context(), readmodel.NewsFilter{}, 50)
		if err != nil || page.Reached != 60 || page.Through != 60 || page.Head != 100 {
			t.Fatalf("%s at 60: %+v, %v", name, page, err)
		}
		for _, n := range page.News {
			if n.Position <= 50 || n.Position > 60 {
				t.Errorf("%s at 60: told of %d", name, n.Position)
			}
		}
		b.exec(`UPDATE readmodel.checkpoints SET position = 100 WHERE projection = $1`, name)
	}
	b.exec(`UPDATE readmodel.checkpoints SET position = 20 WHERE projection = 'payments'`)
	if reached, head, err := b.queries.Reached(t.Context()); err != nil || reached != 100 || head != 100 {
		t.Errorf("payments at 20: %d of %d, %v", reached, head, err)
	}
	b.exec(`DELETE FROM readmodel.checkpoints WHERE projection = 'holds'`)
	if page, err := b.queries.News(t.Context(), readmodel.NewsFilter{}, 0); err != nil || page.Reached != 0 || len(page.News) != 0 {
		t.Errorf("holds never began: %+v, %v", page, err)
	}
}

// What the timeline cannot show is told in its place, without what it says, and does not hold up the others.
func TestNewsOfAParkedAccountAreWithheld(t *testing.T) {
	t.Parallel()
	b := newBank(t, 73)
	b.write(200)
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	victim := b.customers.Accounts()[0].ID
	poisoned := b.poison(victim)
	head := b.write(400)
	b.untilApplied(head)
	var want []int64
	for _, e := range b.readLog(0, eventstore.ReadMax) {
		if e.StreamType == account.StreamType {
			want = append(want, e.Position)
		}
	}
	all := b.news(readmodel.NewsFilter{}, 0)
	if !slices.Equal(positionsOf(all), want) {
		t.Errorf("%d news, the log has %d events of accounts", len(all), len(want))
	}
	later := 0
	for _, n := range all {
		if withheld := n.AccountID == victim && n.Position >= poisoned; n.Withheld != withheld {
			t.Errorf("%+v", n)
		} else if withheld {
			later++
			if n.Type != "" || n.Amount != nil || n.Version == 0 || n.OwnerID == "" {
				t.Errorf("withheld: %+v", n)
			}
		}
	}
	if own := b.news(readmodel.NewsFilter{AccountID: victim}, poisoned-1); later < 2 || len(own) != later {
		t.Errorf("%d of the account are withheld, %d told to who asks for it", later, len(own))
	}
}
