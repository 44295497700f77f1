package loadgen_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"passbook/internal/loadgen"
)

func TestRunAtARate(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	config := bank.config(loadgen.Spread)
	config.Warmup = 100 * time.Millisecond
	report := run(t, config)
	m := report.Result
	if m.Accepted+m.Unsent != 300 || m.Statuses["201"] != m.Accepted || m.Errors+m.Refused != 0 {
		t.Errorf("of 300 arrivals: %+v", m)
	}
	if m.Latency.Count != 300 || m.Latency.P50 <= 0 || m.Latency.P50 > m.Latency.P99 || m.Latency.P99 > m.Latency.Max {
		t.Errorf("latency %+v", m.Latency)
	}
	if bank.counted["deposits"]+bank.counted["withdrawals"] != int(m.Accepted)+100 {
		t.Errorf("the bank got %v; 100 in the warm-up", bank.counted)
	}
	if len(m.Series) != 1 || m.Generator.ProcessorMicros <= 0 || m.Generator.Connections > 8 {
		t.Errorf("series %+v, generator %+v", m.Series, m.Generator)
	}
	if report.BankVersion != "v9" || m.Bank == nil || m.Bank.ResidentBytes != 2*100_000_000 {
		t.Errorf("bank %q, %+v", report.BankVersion, m.Bank)
	}
	if len(bank.tokens) != 1 || !bank.tokens["Bearer secret"] {
		t.Errorf("tokens %v", bank.tokens)
	}
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	for scenario, want := range map[loadgen.Scenario]map[string]float64{
		loadgen.Spread:    {"deposits": .5, "withdrawals": .5},
		loadgen.Hot:       {"deposits": .5, "withdrawals": .5},
		loadgen.Zipf:      {"deposits": .5, "withdrawals": .5},
		loadgen.Mixed:     {"deposits": .35, "withdrawals": .35, "read": .2, "open": .1},
		loadgen.Read:      {"read": 1},
		loadgen.Transfers: {"transfers": 1},
	} {
		t.Run(string(scenario), func(t *testing.T) {
			t.Parallel()
			bank := newBank(t)
			config := bank.config(scenario)
			config.Rate, config.Duration = 0, 200*time.Millisecond
			m := run(t, config).Result
			total := 0
			for _, n := range bank.counted {
				total += n
			}
			if m.Errors+m.Refused+m.Unsent > 0 || m.Accepted == 0 || len(bank.counted) != len(want) {
				t.Fatalf("%+v; the bank got %v", m, bank.counted)
			}
			for operation, part := range want {
				// Five standard deviations.
				if got, off := float64(bank.counted[operation]), 5*math.Sqrt(float64(total)); math.Abs(got-part*float64(total)) > off {
					t.Errorf("%s: %v of %d, want a part of %v", operation, got, total, part)
				}
			}
			if accounts := len(bank.hits); scenario == loadgen.Hot && accounts != 1 || scenario == loadgen.Spread && accounts < 10 {
				t.Errorf("%d accounts were used", accounts)
			}
		})
	}
}

// Two banks that share what they know: each gets half.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	one, two := newBank(t), newBank(t)
	config := one.config(loadgen.TwoWriters)
	config.CommandURLs = append(config.CommandURLs, two.url)
	config.Duration = 200 * time.Millisecond
	var first, second atomic.Int64
	one.before = counting(&first)
	two.before = counting(&second)
	m := run(t, config).Result
	// A busy machine may not get all of the 200 off in time; those that it does go to both in turn.
	if a, b := first.Load(), second.Load(); a == 0 || a-b > 1 || b-a > 1 || int64(m.Statuses["201"]) != a+b {
		t.Errorf("%d went to one, %d to the other: %v", a, b, m.Statuses)
	}
}

// counting answers everything itself.
func counting(n *atomic.Int64) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		n.Add(1)
		w.WriteHeader(http.StatusCreated)
		return true
	}
}

// A second run finds the accounts of the first and sends other commands; another seed has other accounts.
func TestAccountsBelongToTheSeed(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	config := bank.config(loadgen.Spread)
	config.Duration = 100 * time.Millisecond
	run(t, config)
	if bank.prepared != 1+2*50+1 {
		t.Errorf("%d commands prepared 50 accounts", bank.prepared)
	}
	run(t, config)
	if bank.prepared != 1+2*50+1+1 {
		t.Errorf("the second run prepared again: %d commands", bank.prepared)
	}
	if moved := bank.counted["deposits"] + bank.counted["withdrawals"]; len(bank.acked) != 2*50+1+moved {
		t.Errorf("%d movements under %d keys", moved, len(bank.acked)-2*50-1)
	}
	config.Seed = 2
	run(t, config)
	if len(bank.accounts) != 2*51 {
		t.Errorf("two seeds have %d accounts", len(bank.accounts))
	}
}

func TestPreparationInsistsOnABankThatIsBusy(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	var busy atomic.Int64
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if busy.Add(1) <= 3 {
			problem(w, 503, "overloaded")
			return
		}
		bank.ServeHTTP(w, r)
	})
	config := bank.config(loadgen.Spread)
	config.CommandURLs = []string{serve(t, server)}
	config.Duration = 100 * time.Millisecond
	if m := run(t, config).Result; m.Accepted == 0 {
		t.Errorf("%+v", m)
	}
}

func TestPreparationEndsWithWhatWillNotChange(t *testing.T) {
	t.Parallel()
	config := newBank(t).config(loadgen.Spread)
	config.CommandURLs = []string{serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { problem(w, 401, "unauthenticated") }))}
	if _, err := loadgen.Run(t.Context(), config); err == nil || !strings.Contains(err.Error(), "unauthenticated") {
		t.Errorf("got %v", err)
	}
}

// What is refused, what is an error and what breaks is told apart, and none of it is acknowledged.
func TestOutcomesAreToldApart(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	var n atomic.Int64
	bank.before = func(w http.ResponseWriter, _ *http.Request) bool {
		switch n.Add(1) % 5 {
		case 0:
			problem(w, 503, "overloaded")
		case 1:
			problem(w, 422, "insufficient_funds")
		case 2:
			breakOff(t, w)
		default:
			return false
		}
		return true
	}
	config := bank.config(loadgen.Spread)
	path := filepath.Join(t.TempDir(), "acks")
	var err error
	if config.Acks, err = loadgen.CreateAckLog(path); err != nil {
		t.Fatal(err)
	}
	m := run(t, config).Result
	if err := config.Acks.Close(); err != nil {
		t.Fatal(err)
	}
	if m.Accepted == 0 || m.Refused == 0 || m.Statuses["503"] != m.Refused || m.Statuses["422"]+m.Statuses["none"] != m.Errors {
		t.Errorf("%+v", m)
	}
	if m.Causes["503 overloaded"] != m.Refused || m.Causes["422 insufficient_funds"] != m.Statuses["422"] || m.Causes["connection broken"] == 0 {
		t.Errorf("causes %v", m.Causes)
	}
	if m.RefusedLatency.Count != m.Refused || m.ErrorLatency.Count != m.Errors {
		t.Errorf("refused %+v, errors %+v", m.RefusedLatency, m.ErrorLatency)
	}
	acknowledgements(t, path, bank)
}

// breakOff ends the connection in the middle of the answer: whether the command was taken, the client cannot know.
func breakOff(t *testing.T, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 201 Cre")
	_ = conn.Close()
}

// acknowledgements compares the file with what the bank acknowledged of the load.
func acknowledgements(t *testing.T, path string, bank *fakeBank) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]int64{}, map[string]int64{}
	for line := range strings.Lines(string(content)) {
		var key string
		var position int64
		if _, err := fmt.Sscanf(line, "%s %d\n", &key, &position); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got[key] = position
	}
	for key, position := range bank.acked {
		if !strings.Contains(key, "-open-") && !strings.Contains(key, "-fund-") && !strings.Contains(key, "-ready-") {
			want[key] = position
		}
	}
	if len(want) == 0 || !maps.Equal(got, want) {
		t.Errorf("the file has %d acknowledgements, the bank gave %d", len(got), len(want))
	}
}

// A bank that stops once for a while. With a rate, all who would have come in the meantime are charged to it; in closed loop only those
// that were in it, which is what makes such figures look better than they are.
func TestCoordinatedOmission(t *testing.T) {
	t.Parallel()
	const stall = 400 * time.Millisecond
	measure := func(rate float64) *loadgen.Measurement {
		bank := newBank(t)
		var start atomic.Int64
		bank.before = func(http.ResponseWriter, *http.Request) bool {
			start.CompareAndSwap(0, time.Now().UnixNano())
			at := time.Since(time.Unix(0, start.Load()))
			if from := 200 * time.Millisecond; at > from && at < from+stall {
				<-time.After(from + stall - at)
			}
			return false
		}
		config := bank.config(loadgen.Spread)
		config.Rate, config.Connections, config.Duration = rate, 4, time.Second
		return run(t, config).Result
	}
	open := measure(500)
	// Two fifths of the arrivals meet the stall, and wait for half of it on average.
	if open.Latency.P90 < 250 || open.Latency.P90 > 1000 || open.Unsent > 100 {
		t.Errorf("with a rate: latency %+v, %d unsent", open.Latency, open.Unsent)
	}
	if open.SendDelay.Max < 250 {
		t.Errorf("send delay %+v", open.SendDelay)
	}
	closed := measure(0)
	if closed.Latency.Max < 250 || closed.Latency.P90 > 100 {
		t.Errorf("in closed loop: latency %+v", closed.Latency)
	}
}

// What could not be sent until the end is counted, with the time that it had waited.
func TestUnsentArrivalsCount(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	stop := make(chan struct{})
	bank.before = func(http.ResponseWriter, *http.Request) bool {
		<-stop
		return false
	}
	config := bank.config(loadgen.Spread)
	config.Connections, config.Timeout = 2, 500*time.Millisecond
	defer close(stop)
	m := run(t, config).Result
	if m.Errors != 2 || m.Causes["timeout"] != 2 || m.Unsent != 298 || m.Rate != 0 {
		t.Errorf("%+v", m)
	}
	if m.Latency.Count != 298 || m.Latency.P50 < 130 || m.Latency.P50 > 170 || m.Latency.Max < 290 {
		t.Errorf("arrivals that waited 0 to 300 ms: %+v", m.Latency)
	}
}

func TestLag(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	bank.lag = 40 * time.Millisecond
	config := bank.config(loadgen.Spread)
	config.Lag, config.Duration, config.Rate = true, time.Second, 200
	m := run(t, config).Result
	if m.Lag.Count < 4 || m.Lag.P50 < 40 || m.Lag.P50 > 1000 || m.Lag.Failed+m.Lag.Unreached > 0 {
		t.Errorf("lag %+v", m.Lag)
	}
	if m.Series[0].LagMax == nil || *m.Series[0].LagMax < 40 {
		t.Errorf("series %+v", m.Series[0])
	}
}

func TestFindLimit(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	// One request every 4 ms, whatever comes: 250 a second. A ticker would drop what nobody fetches.
	served := make(chan struct{}, 1)
	served <- struct{}{}
	var next time.Time
	bank.before = func(http.ResponseWriter, *http.Request) bool {
		<-served
		if now := time.Now(); next.Before(now.Add(-8 * time.Millisecond)) {
			next = now // it does not save up while nothing comes
		}
		turn := next
		next = next.Add(4 * time.Millisecond)
		served <- struct{}{}
		<-time.After(time.Until(turn))
		return false
	}
	config := bank.config(loadgen.Spread)
	config.Rate, config.Warmup, config.Duration = 0, 100*time.Millisecond, time.Second
	config.FindLimit = &loadgen.LimitConfig{P99: time.Second, Step: 500 * time.Millisecond}
	report := run(t, config)
	limit := report.Limit
	if limit.Rate < 50 || limit.Rate > 275 || report.Result.Offered != limit.Rate || limit.Closed < 50 || limit.Closed > 275 {
		t.Errorf("a bank that takes 250 a second: %+v", limit)
	}
	last := limit.Steps[len(limit.Steps)-1]
	if !last.Sustained || last.Seconds != 1 || last.Offered != limit.Rate {
		t.Errorf("held: %+v", last)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	bank := newBank(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	bank.before = func(http.ResponseWriter, *http.Request) bool {
		cancel()
		return false
	}
	config := bank.config(loadgen.Spread)
	config.Duration, config.Lag = time.Hour, true
	if _, err := loadgen.Run(ctx, config); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	config := newBank(t).config(loadgen.Mixed)
	config.Lag = true
	report := run(t, config)
	goals, err := loadgen.ParseGoals("rate>=1,errors<=0,p99<=1us")
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Check(goals); !errors.Is(err, loadgen.ErrGoalMissed) || !strings.Contains(err.Error(), "p99<=1us") || strings.Contains(err.Error(), "rate") {
		t.Errorf("got %v", err)
	}
	var text, encoded bytes.Buffer
	if err := errors.Join(report.WriteText(&text), report.WriteJSON(&encoded)); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"seed 1", "cores", "v9", "mixed, 50 accounts", "1000/s, 8 connections", "p99.9", "  deposit", "  read", "lag", "goal          p99<=1us: MISSED"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("%q is not in\n%s", part, text.String())
		}
	}
	var back loadgen.Report
	decoder := json.NewDecoder(&encoded)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&back); err != nil || back.Result.Latency != report.Result.Latency || len(back.Goals) != 3 {
		t.Errorf("read back %+v, %v", back, err)
	}
}
