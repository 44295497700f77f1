package contender

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestMeasuresAreUniqueAndHeldAgainstOneAnother(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, c := range all {
		for _, m := range c.Measures {
			if slices.Contains(ids, m.ID) {
				t.Errorf("%s stands twice", m.ID)
			}
			ids = append(ids, m.ID)
		}
	}
	for _, c := range all {
		for _, m := range c.Measures {
			if !slices.Contains(ids, m.Over) {
				t.Errorf("%s is held against %q, which nobody measures", m.ID, m.Over)
			}
		}
	}
}

func TestContendersAreChosenByName(t *testing.T) {
	t.Parallel()
	chosen, err := All([]string{"pgbench_insert", "emmett"})
	if err != nil {
		t.Fatal(err)
	}
	if got := namesOf(chosen); !slices.Equal(got, []string{"emmett", "pgbench_insert"}) {
		t.Errorf("chosen are %v: the order of a round must hold", got)
	}
	if chosen, err := All(nil); err != nil || len(chosen) != len(all) {
		t.Errorf("no names choose %v, %v", namesOf(chosen), err)
	}
	if _, err := All([]string{"emmett", "nobody"}); err == nil || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("an unknown name gives %v", err)
	}
}

const pgbenchReport = `pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: script.sql
scaling factor: 1
query mode: prepared
number of clients: 64
number of threads: 2
maximum number of tries: 1
duration: 5 s
number of transactions actually processed: 123456
number of failed transactions: 0 (0.000%)
latency average = 2.591 ms
initial connection time = 97.123 ms
tps = 24691.234567 (without initial connection time)
`

func TestPgbenchReport(t *testing.T) {
	t.Parallel()
	got, err := parsePgbench(pgbenchReport)
	if err != nil {
		t.Fatal(err)
	}
	if got.Operations != 123456 || got.Rate != 24691.234567 {
		t.Errorf("read %+v", got)
	}
	old := strings.Replace(pgbenchReport, "without initial connection time", "excluding connections establishing", 1)
	if got, err := parsePgbench(old); err != nil || got.Rate != 24691.234567 {
		t.Errorf("of an older version: %+v, %v", got, err)
	}
}

func TestPgbenchReportThatIsNoFigure(t *testing.T) {
	t.Parallel()
	failed := strings.Replace(pgbenchReport, "failed transactions: 0", "failed transactions: 7", 1)
	if _, err := parsePgbench(failed); err == nil {
		t.Error("transactions failed, and the report counts")
	}
	for _, cut := range []string{"tps", "number of transactions"} {
		before, _, _ := strings.Cut(pgbenchReport, cut)
		if _, err := parsePgbench(before); !errors.Is(err, errPgbench) {
			t.Errorf("a report cut before %q gives %v", cut, err)
		}
	}
}

func TestEmmettLine(t *testing.T) {
	t.Parallel()
	got, err := parseEmmett([]byte(`{"appended":1500,"conflicts":3,"seconds":0.5,"p50":20.5,"p99":40,"p999":50,"max":60}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.Operations != 1500 || got.Conflicts != 3 || got.Rate != 3000 || *got.Latency != (Quantiles{P50: 20.5, P99: 40, P999: 50, Max: 60}) {
		t.Errorf("read %+v, %+v", got, got.Latency)
	}
	for _, line := range []string{"", "Error: no", `{"appended":1}`} {
		if _, err := parseEmmett([]byte(line)); err == nil {
			t.Errorf("%q is taken for a result", line)
		}
	}
}

func TestLibpqEnvironment(t *testing.T) {
	t.Parallel()
	got := libpqEnviron("postgres://postgres@/bench_x?host=%2Ftmp%2Fa%2Frun&port=5432&sslmode=disable")
	for _, want := range []string{"PGHOST=/tmp/a/run", "PGPORT=5432", "PGUSER=postgres", "PGDATABASE=bench_x"} {
		if !slices.Contains(got, want) {
			t.Errorf("%v lacks %s", got, want)
		}
	}
	got = libpqEnviron("postgres://postgres:secret@127.0.0.1:6543/bench_x?sslmode=disable")
	for _, want := range []string{"PGHOST=127.0.0.1", "PGPORT=6543", "PGUSER=postgres", "PGDATABASE=bench_x", "PGPASSWORD=secret"} {
		if !slices.Contains(got, want) {
			t.Errorf("%v lacks %s", got, want)
		}
	}
}

func TestQuantilesAreMilliseconds(t *testing.T) {
	t.Parallel()
	var times []int64
	for i := 1000; i > 0; i-- {
		times = append(times, int64(time.Duration(i)*time.Millisecond))
	}
	if got := *quantiles(times); got != (Quantiles{P50: 500, P99: 990, P999: 999, Max: 1000}) {
		t.Errorf("quantiles are %+v", got)
	}
	if got := quantiles(nil); got != nil {
		t.Errorf("quantiles of nothing are %+v", got)
	}
}

func TestClosedLoopCountsWhatWasDone(t *testing.T) {
	t.Parallel()
	var done atomic.Int64
	got, err := closedLoop(t.Context(), 4, 20*time.Millisecond, func(context.Context, int) error {
		done.Add(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Operations != done.Load() || got.Operations == 0 || got.Rate <= 0 || got.Latency == nil {
		t.Errorf("%d were done, the sample is %+v", done.Load(), got)
	}
}

func TestClosedLoopEndsWithTheFirstFailure(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := closedLoop(t.Context(), 4, time.Hour, func(ctx context.Context, worker int) error {
		if worker == 0 {
			return fmt.Errorf("worker: %w", broken)
		}
		<-ctx.Done()
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("it ends with %v", err)
	}
}
