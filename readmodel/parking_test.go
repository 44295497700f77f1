package readmodel_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
	"passbook/readmodel"
	"passbook/readmodel/readmodeltest"
)

// An event that cannot be applied parks its account: the events after it wait, in both projections, and everybody else goes on.
// The code that can apply it drains them in their order when it starts.
func TestAnUnreadableEventParksItsAccount(t *testing.T) {
	t.Parallel()
	b := newBank(t, 51)
	b.write(200)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run)
	victim := b.customers.Accounts()[0].ID
	position := b.poison(victim)
	head := b.write(600)
	b.untilApplied(head)
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		parked := b.parked(name)
		if len(parked) != 1 {
			t.Fatalf("%s: %d accounts parked: %+v", name, len(parked), parked)
		}
		p := parked[0]
		if p.AccountID != victim || p.Position != position || p.Class != readmodel.ClassUnreadable || p.Attempts != 1 || p.Waiting < 2 || p.EventType != "money.deposited" {
			t.Errorf("%s: %+v", name, p)
		}
		if s := b.status(name); s.Parked != 1 || s.Position != head || s.State == readmodel.StateStopped {
			t.Errorf("%s: %+v", name, s)
		}
	}
	b.verify(head)

	stop()
	parts := b.parts(nil)
	parts.Decoder = fixedDecoder{b}
	b.run(b.engine(parts, testConfig()).Run)
	b.untilParked(readmodel.Balances, 0)
	b.untilParked(readmodel.Timeline, 0)
	head = b.write(100)
	b.untilApplied(head)
	b.verifyWith(head, fixedDecoder{b})
}

// Operators retry and skip while the projector follows the log.
func TestRetryAndSkip(t *testing.T) {
	t.Parallel()
	b := newBank(t, 52)
	b.write(200)
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	retried, skipped := b.customers.Accounts()[0].ID, b.customers.Accounts()[1].ID
	first, second := b.poison(retried), b.poison(skipped)
	b.write(100)
	third := b.poison(skipped)
	b.untilApplied(b.write(300))
	b.untilParked(readmodel.Timeline, 2)

	desk := b.desk(b.codec, readmodel.Timeline)
	if outcome, err := desk.Retry(t.Context(), retried); err != nil || outcome.Released || outcome.Position != first || outcome.Class != readmodel.ClassUnreadable {
		t.Errorf("a retry by the same code: %+v, %v", outcome, err)
	}
	if p := b.parked(readmodel.Timeline); p[0].Attempts != 2 || !p[0].LastAt.After(p[0].FirstAt) {
		t.Errorf("after a retry: %+v", p[0])
	}
	if outcome, err := b.desk(fixedDecoder{b}, readmodel.Timeline).Retry(t.Context(), retried); err != nil || !outcome.Released || outcome.Applied < 2 {
		t.Errorf("a retry by the fix: %+v, %v", outcome, err)
	}
	if _, err := desk.PassOver(t.Context(), skipped, third, "ada", "not this one yet"); !errors.Is(err, readmodel.ErrNotPassedOver) {
		t.Errorf("passing over an event that waits itself: %v", err)
	}
	outcome, err := desk.PassOver(t.Context(), skipped, second, "ada", "the payload is lost, finance booked it by hand")
	if err != nil || outcome.Released || outcome.Position != third {
		t.Errorf("the first of two passed over: %+v, %v", outcome, err)
	}
	if outcome, err = desk.PassOver(t.Context(), skipped, third, "ada", "so is this one"); err != nil || !outcome.Released {
		t.Errorf("the second passed over: %+v, %v", outcome, err)
	}
	if _, err := desk.Retry(t.Context(), skipped); !errors.Is(err, readmodel.ErrNotParked) {
		t.Errorf("a retry of what is not parked: %v", err)
	}
	if _, err := desk.PassOver(t.Context(), skipped, third, "ada", "again"); !errors.Is(err, readmodel.ErrNotParked) {
		t.Errorf("passing over what is not parked: %v", err)
	}
	b.untilApplied(b.write(300)) // the runner has noticed, or the events of the two would be lost
	if p := b.parked(readmodel.Timeline); len(p) != 0 {
		t.Errorf("still parked: %+v", p)
	}
	list, err := readmodel.ListSkipped(t.Context(), b.projector, readmodel.Timeline)
	if err != nil || len(list) != 2 || list[0].Position != second || list[0].SkippedBy != "ada" || list[1].Position != third {
		t.Errorf("%+v, %v", list, err)
	}
	missing := map[int64]bool{second: true, third: true}
	for _, e := range b.readLog(0, 10_000) {
		var there bool
		err := b.admin.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM readmodel.timeline WHERE position = $1)`, e.Position).Scan(&there)
		if err != nil || there == (missing[e.Position] || e.StreamType != account.StreamType) {
			t.Errorf("event %d has a row: %v, %v", e.Position, there, err)
		}
	}
}

// What is wrong with many is not an event: the projection stops in front of the first one too many, and says by which limit.
func TestTooManyParkedStopTheProjection(t *testing.T) {
	t.Parallel()
	b := newBank(t, 53)
	b.write(400)
	config := testConfig()
	config.ParkedMax = 2
	b.run(b.engine(b.parts(nil), config).Run)
	b.untilApplied(b.customers.Head().Position)
	b.poison(b.customers.Accounts()[0].ID)
	b.poison(b.customers.Accounts()[1].ID)
	b.untilParked(readmodel.Balances, 2)
	last := b.poison(b.customers.Accounts()[2].ID)
	b.write(100)
	stopped := b.untilStopped(readmodel.Balances, "PARKED_MAX")
	if stopped.Position != last-1 || stopped.Parked != 2 || !strings.Contains(stopped.Cause, fmt.Sprintf("event %d cannot be applied", last)) {
		t.Errorf("%+v", stopped)
	}
}

// A panic in the code that reads or applies an event is that event's affair, and its stack is in the log.
func TestAPanicParksTheAccount(t *testing.T) {
	t.Parallel()
	b := newBank(t, 54)
	b.write(200)
	var log lockedBuffer
	parts := b.parts(nil)
	parts.Decoder, parts.Logger = panickingDecoder{b}, log.logger()
	b.run(b.engine(parts, testConfig()).Run)
	victim := b.customers.Accounts()[0].ID
	b.poison(victim)
	head := b.write(200)
	b.untilApplied(head)
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		if p := b.parked(name); len(p) != 1 || p[0].AccountID != victim || p[0].Class != readmodel.ClassPanic || !strings.Contains(p[0].Cause, "lots") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	b.verify(head)
	if !strings.Contains(log.String(), "panickingDecoder") {
		t.Error("the log has no stack of the panic")
	}
}

// Postgres refuses the rows of one event among many in a batch: the event is found.
func TestRowsThatPostgresRefusesParkTheAccount(t *testing.T) {
	t.Parallel()
	b := newBank(t, 55)
	b.write(400)
	victim := b.customers.Accounts()[0].ID
	b.exec(fmt.Sprintf(`ALTER TABLE readmodel.balances ADD CONSTRAINT test_version CHECK (account_id <> '%s' OR version < 3)`, victim))
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	head := b.write(200)
	b.untilApplied(head)
	p := b.parked(readmodel.Balances)
	if len(p) != 1 || p[0].AccountID != victim || p[0].Class != readmodel.ClassDatabase || p[0].Version != 2 || !strings.Contains(p[0].Cause, "test_version") {
		t.Fatalf("%+v", p)
	}
	if p := b.parked(readmodel.Timeline); len(p) != 0 {
		t.Errorf("timeline: %+v", p)
	}
	b.verify(head)
	b.exec(`ALTER TABLE readmodel.balances DROP CONSTRAINT test_version`)
	if outcome, err := b.desk(b.codec, readmodel.Balances).Retry(t.Context(), victim); err != nil || !outcome.Released {
		t.Errorf("%+v, %v", outcome, err)
	}
	head = b.write(200)
	b.untilApplied(head)
	b.verify(head)
}

// More events wait than are applied in one transaction, and more come meanwhile.
func TestALongQueueDrainsInOrder(t *testing.T) {
	t.Parallel()
	b := newBank(t, 56)
	b.customers.AccountsMax = 2
	b.write(50)
	b.run(b.engine(b.parts(nil), testConfig()).Run)
	victim := b.customers.Accounts()[0].ID
	b.poison(victim)
	b.untilApplied(b.write(2_000))
	var wrote atomic.Bool
	go func() { defer wrote.Store(true); b.write(1_000) }()
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		outcome, err := b.desk(fixedDecoder{b}, name).Retry(t.Context(), victim)
		if err != nil || !outcome.Released || outcome.Applied < 500 {
			t.Errorf("%s: %+v, %v", name, outcome, err)
		}
	}
	b.within(patience, "all is written", wrote.Load)
	head := b.customers.Head().Position
	b.untilApplied(head)
	b.verifyWith(head, fixedDecoder{b})
}

// panickingDecoder is a mistake in code.
type panickingDecoder struct{ b *bank }

func (d panickingDecoder) Payload(stored eventstore.Event) (any, error) {
	if bytes.Equal(stored.Data, []byte(readmodeltest.Poison)) {
		panic("lots is no number")
	}
	return d.b.codec.Payload(stored)
}

func (b *bank) poison(id uuid.UUID) int64 {
	b.t.Helper()
	position, err := b.customers.Poison(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return position
}

func (b *bank) parked(projection string) []readmodel.Parked {
	b.t.Helper()
	list, err := readmodel.ListParked(b.t.Context(), b.projector, projection, uuid.Nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func (b *bank) untilParked(projection string, n int) {
	b.t.Helper()
	b.within(patience, fmt.Sprintf("%d parked in %s", n, projection), func() bool { return len(b.parked(projection)) == n })
}

// desk is an operator's, with code of its own.
func (b *bank) desk(decoder readmodel.Decoder, projection string) *readmodel.ParkingDesk {
	b.t.Helper()
	parts := b.parts(nil)
	parts.Decoder = decoder
	i := slices.IndexFunc(parts.Projectors, func(p readmodel.Projector) bool { return p.Name == projection })
	desk, err := readmodel.NewParkingDesk(parts, named("operator"), parts.Projectors[i])
	if err != nil {
		b.t.Fatal(err)
	}
	return desk
}
