package denials

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// memory is a store that does as it is told.
type memory struct {
	mu   sync.Mutex
	rows map[uuid.UUID]Row
	fail func(rows []Row) error // asked after the rows are kept, so that what is sent again stands already
	hang chan struct{}          // when set, a write waits for it, or for its time
}

func (m *memory) insert(ctx context.Context, rows []Row) error {
	if m.hang != nil {
		select {
		case <-m.hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rows {
		m.rows[r.ID] = r
	}
	if m.fail != nil {
		return m.fail(rows)
	}
	return nil
}

// count sums up the rows, by code.
func (m *memory) count() (rows map[string]int, times map[string]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows, times = map[string]int{}, map[string]int64{}
	for _, r := range m.rows {
		rows[r.Code]++
		times[r.Code] += r.Times
	}
	return rows, times
}

// runTrail runs a trail in a bubble; stop ends it and waits for its last write.
func runTrail(t *testing.T, m *memory, config Config) (trail *Trail, stop func()) {
	t.Helper()
	config.API = "query"
	m.rows = map[uuid.UUID]Row{}
	trail = newTrail(m, config, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- trail.Run(ctx) }()
	return trail, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func by(actor, code string) Denial {
	return Denial{At: time.Now(), Code: code, Status: 404, Method: "GET", Route: "/v1/accounts/{account_id}", About: uuid.New(),
		Issuer: "i", Actor: actor, Address: "198.51.100.7", RequestID: "r"}
}

func (t *Trail) fate(name string) int64 {
	return int64(testutil.ToFloat64(t.fates.WithLabelValues(name)))
}

func TestADenialIsARowSoonAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		trail, stop := runTrail(t, m, Config{})
		d := by("mallory", "not_found")
		trail.Note(d)
		<-time.After(300 * time.Millisecond)
		synctest.Wait()
		d.API = "query"
		for id, row := range m.rows {
			if row != (Row{ID: id, Times: 1, Denial: d}) || id.Version() != 7 {
				t.Errorf("%+v", row)
			}
		}
		if rows, _ := m.count(); rows["not_found"] != 1 || trail.fate(fateRow) != 1 {
			t.Errorf("%v", rows)
		}
		stop()
	})
}

// Whoever is denied a lot fills its own share, and those who are denied at the same time have rows of their own.
func TestNobodyHidesAmongOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		trail, stop := runTrail(t, m, Config{PerSecond: 50})
		for range 100_000 {
			trail.Note(by("flood", "insufficient_scope"))
		}
		trail.Note(by("mallory", "not_found"))
		stop()
		rows, times := m.count()
		if rows["not_found"] != 1 || rows["insufficient_scope"] != 50/sourceShare+1 || times["insufficient_scope"] != 100_000 {
			t.Errorf("rows %v, times %v", rows, times)
		}
		if trail.fate(fateRow) != 11 || trail.fate(fateGrouped) != 100_000-10 {
			t.Errorf("%d rows, %d grouped", trail.fate(fateRow), trail.fate(fateGrouped))
		}
	})
}

// Many sources at once, each of another kind: so many rows a second, and the number of the others.
func TestTooManyKindsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		trail, stop := runTrail(t, m, Config{PerSecond: 50, KindsMax: 30})
		for i := range 1_000 {
			trail.Note(by(fmt.Sprint("sock puppet ", i), "not_found"))
		}
		stop()
		rows, times := m.count()
		if rows["not_found"] != 80 || times["not_found"] != 80 || rows[Omitted] != 1 || times[Omitted] != 920 || trail.fate(fateOmitted) != 920 {
			t.Errorf("rows %v, times %v", rows, times)
		}
	})
}

// The next second begins anew.
func TestEachSecondHasItsRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		trail, stop := runTrail(t, m, Config{PerSecond: 2 * sourceShare})
		for range 10 {
			trail.Note(by("a", "not_found"))
			trail.Note(by("a", "not_found"))
			<-time.After(time.Second)
		}
		stop()
		if rows, times := m.count(); rows["not_found"] != 20 || times["not_found"] != 20 {
			t.Errorf("rows %v, times %v", rows, times)
		}
	})
}

// A database that does not answer stops nobody. What waited is written when it answers again; what did not fit is counted.
func TestADatabaseThatHangsBlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{hang: make(chan struct{})}
		trail, stop := runTrail(t, m, Config{PerSecond: 1_000_000, QueueMax: 100, KindsMax: 10})
		began := time.Now()
		for i := range 1_000 {
			trail.Note(by(fmt.Sprint(i), "not_found"))
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v", waited)
		}
		<-time.After(10 * time.Second)
		trail.Note(by("late", "unauthenticated"))
		<-time.After(10 * time.Second)
		if len(m.rows) != 0 {
			t.Fatal("something was written")
		}
		close(m.hang)
		stop()
		rows, times := m.count()
		if rows["not_found"] != 110 || times[Omitted] != 890 || rows["unauthenticated"] != 1 {
			t.Errorf("rows %v, times %v", rows, times)
		}
	})
}

// A write that failed is sent again as it was, since it may have arrived; one that Postgres refuses is counted.
func TestWritesThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failures := 0
		m := &memory{fail: func([]Row) error {
			if failures++; failures <= 3 {
				return context.DeadlineExceeded
			}
			return nil
		}}
		trail, stop := runTrail(t, m, Config{})
		for range 5 {
			trail.Note(by("a", "not_found"))
		}
		<-time.After(5 * time.Second)
		synctest.Wait()
		if rows, _ := m.count(); rows["not_found"] != 5 || failures != 4 {
			t.Errorf("%v after %d writes", rows, failures)
		}
		m.rows = map[uuid.UUID]Row{}
		m.fail = func(rows []Row) error {
			if rows[0].Code == Omitted {
				return nil
			}
			return errors.New("invalid byte sequence")
		}
		trail.Note(by("a", "not_found"))
		<-time.After(5 * time.Second)
		stop()
		if _, times := m.count(); times[Omitted] != 1 || trail.fate(fateOmitted) != 1 {
			t.Errorf("%v", times)
		}
	})
}
