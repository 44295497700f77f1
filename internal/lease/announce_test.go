package lease_test

import (
	"errors"
	"testing"

	"passbook/eventstore"
	"passbook/internal/lease"
	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
)

func TestTheHolderAloneAnnounces(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	pool := db.Pool(t, role)
	first, second := start(t, pool, "first", longTTL), lease.New(pool, name, "second", longTTL, quiet)
	epoch := await(t, first.leading, "the first to lead").epoch
	announced := func(want int64, note string) {
		t.Helper()
		epoch, got, err := second.Announcement(t.Context())
		if err != nil || epoch != want || string(got) != note {
			t.Errorf("announced is %q under epoch %d, %v; want %q under %d", got, epoch, err, note, want)
		}
	}
	announced(0, "")
	if err := first.Announce(t.Context(), epoch, []byte("here")); err != nil {
		t.Fatal(err)
	}
	announced(epoch, "here")
	if err := second.Announce(t.Context(), epoch, []byte("no, here")); !errors.Is(err, lease.ErrLost) {
		t.Errorf("one that does not hold the lease announces: %v", err)
	}
	if err := first.Announce(t.Context(), epoch+1, []byte("later")); !errors.Is(err, lease.ErrLost) {
		t.Errorf("under an epoch that is not its own: %v", err)
	}
	announced(epoch, "here")
	first.stop()
	await(t, first.ended, "the first to end")
	announced(0, "")

	third := start(t, pool, "third", longTTL)
	later := await(t, third.leading, "the third to lead").epoch
	announced(0, "") // what its predecessor announced is not its own
	if err := third.Announce(t.Context(), later, []byte("there")); err != nil {
		t.Fatal(err)
	}
	announced(later, "there")
	if err := first.Announce(t.Context(), epoch, []byte("still here")); !errors.Is(err, lease.ErrLost) {
		t.Errorf("a former holder announces: %v", err)
	}
	announced(later, "there")
}

// An announcement holds a secret: the roles that may look at the lease may not see it.
func TestAnAnnouncementIsForTheOneRole(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, eventstore.Migrations)
	for _, other := range []string{"passbook_projector", "passbook_query"} {
		stake := lease.New(db.Pool(t, other), name, "x", ttl, quiet)
		if _, _, err := stake.Announcement(t.Context()); !pgkit.InsufficientPrivilege(err) {
			t.Errorf("%s reads it: %v", other, err)
		}
		if err := stake.Announce(t.Context(), 1, nil); !pgkit.InsufficientPrivilege(err) {
			t.Errorf("%s writes it: %v", other, err)
		}
	}
}
