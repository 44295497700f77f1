package readmodel_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"passbook/readmodel"
)

// The directory finds owners by words of their names and beginnings of words, in any case and alphabet, and pages through them in
// the order of their ids without a gap.
func TestOwnerDirectory(t *testing.T) {
	t.Parallel()
	b := newBank(t, 91)
	b.customers.AccountsMax = 60
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	head := b.write(2_000)
	b.untilApplied(head)
	accounts, ids := map[string][]uuid.UUID{}, []string{}
	for _, a := range b.customers.Accounts() {
		accounts[a.OwnerID] = append(accounts[a.OwnerID], a.ID)
	}
	for id := range accounts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var found []string
	for after := ""; ; {
		owners, more, fresh, err := b.queries.Owners(t.Context(), readmodel.OwnerFilter{Limit: 3, After: after})
		if err != nil || fresh.Position != head {
			t.Fatal(fresh, err)
		}
		for _, o := range owners {
			found = append(found, o.ID)
		}
		if !more {
			break
		}
		after = found[len(found)-1]
	}
	if !slices.Equal(found, ids) {
		t.Errorf("owners are %v, want %v", found, ids)
	}
	for id, want := range accounts {
		o, _, err := b.queries.Owner(t.Context(), id)
		slices.SortFunc(want, func(x, y uuid.UUID) int { return slices.Compare(x[:], y[:]) })
		if err != nil || !slices.Equal(o.Accounts, want) || o.More {
			t.Errorf("%+v, %v, want accounts %v", o, err, want)
		}
	}
	if _, _, err := b.queries.Owner(t.Context(), "nobody"); !errors.Is(err, readmodel.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestOwnersAreFoundByWords(t *testing.T) {
	t.Parallel()
	b := newBank(t, 92)
	b.exec(`INSERT INTO readmodel.owners (account_id, version, position, owner_id, owner_name, words) VALUES
		('00000000-0000-7000-8000-000000000001', 1, 1, 'o1', 'Ada King, Countess of Lovelace', 'ada king, countess of lovelace'),
		('00000000-0000-7000-8000-000000000002', 1, 2, 'o2', 'Žižka a synové', 'žižka a synové'),
		('00000000-0000-7000-8000-000000000003', 1, 3, 'o3', 'King & Sons', 'king & sons'),
		('00000000-0000-7000-8000-000000000004', 1, 4, 'o1', 'Ada Lovelace', 'ada lovelace')`)
	for words, want := range map[string][]string{
		"king": {"o1", "o3"}, "KIN": {"o1", "o3"}, "lov ada": {"o1"}, "žiž": {"o2"}, "ŽIŽKA SYN": {"o2"}, "king sons": {"o3"},
		"ing": nil, "nobody": nil, "king' | 'x": nil, "a:*": {"o1", "o2"},
	} {
		owners, more, _, err := b.queries.Owners(t.Context(), readmodel.OwnerFilter{Words: words, Limit: 10})
		var got []string
		for _, o := range owners {
			got = append(got, o.ID)
		}
		if err != nil || more || !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v: %v", words, got, want, err)
		}
	}
	owners, _, _, err := b.queries.Owners(t.Context(), readmodel.OwnerFilter{Words: "countess", Limit: 10})
	if err != nil || len(owners) != 1 || owners[0].Name != "Ada Lovelace" {
		t.Errorf("called by the latest name: %+v, %v", owners, err)
	}
	if owners, _, _, err := b.queries.Owners(t.Context(), readmodel.OwnerFilter{Words: "king", Only: "o3", Limit: 10}); err != nil || len(owners) != 1 {
		t.Errorf("only one owner: %+v, %v", owners, err)
	}
	if _, _, _, err := b.queries.Owners(t.Context(), readmodel.OwnerFilter{Words: " &!", Limit: 10}); !errors.Is(err, readmodel.ErrNoWords) {
		t.Errorf("no word: %v", err)
	}
}
