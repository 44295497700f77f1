package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/internal/loadgen/lean"
)

// The n-th operation is a matter of the seed alone.
func TestMixIsDeterministic(t *testing.T) {
	t.Parallel()
	for _, scenario := range Scenarios() {
		draw := func(seed uint64) (drawn []operation) {
			m := newMix(scenario, 1000, seed)
			for n := range uint64(200) {
				drawn = append(drawn, m.operation(n))
			}
			return drawn
		}
		if !reflect.DeepEqual(draw(7), draw(7)) {
			t.Errorf("%s: the same seed gives other operations", scenario)
		}
		if reflect.DeepEqual(draw(7), draw(8)) {
			t.Errorf("%s: another seed gives the same operations", scenario)
		}
	}
}

func TestTransfersAreBetweenTwoAccounts(t *testing.T) {
	t.Parallel()
	for _, accounts := range []int{2, 3, 1000} {
		m, pairs := newMix(Transfers, accounts, 1), map[[2]int]bool{}
		for n := range uint64(10_000) {
			op := m.operation(n)
			if op.kind != transfer || op.account == op.other || op.other < 0 || op.other >= accounts {
				t.Fatalf("operation %+v", op)
			}
			pairs[[2]int{op.account, op.other}] = true
		}
		if want := min(accounts*(accounts-1), 9000); len(pairs) < want {
			t.Errorf("%d accounts: %d pairs", accounts, len(pairs))
		}
	}
}

func TestMixIsInProportion(t *testing.T) {
	t.Parallel()
	const draws, accounts = 200_000, 10_000
	m, byKind, byAccount := newMix(Mixed, accounts, 1), [kinds]int{}, map[int]int{}
	for n := range uint64(draws) {
		op := m.operation(n)
		byKind[op.kind]++
		byAccount[op.account]++
		if op.amount < 1 || op.amount > amountMax || op.account < 0 || op.account >= accounts {
			t.Fatalf("operation %+v", op)
		}
	}
	for kind, want := range [kinds]float64{deposit: .35, withdrawal: .35, read: .2, open: .1} {
		near(t, op(kind), float64(byKind[kind]), want*draws)
	}
	if len(byAccount) < accounts*99/100 { // each is missed with a probability of exp(-20)
		t.Errorf("%d of %d accounts are used", len(byAccount), accounts)
	}
}

func op(k int) string { return kind(k).String() }

// near allows five standard deviations of a count.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 5*math.Sqrt(want) {
		t.Errorf("%s: %v, want about %v", what, got, want)
	}
}

// The account of rank k comes up 1/k times as often as the first.
func TestZipf(t *testing.T) {
	t.Parallel()
	const draws, accounts = 500_000, 10_000
	m, hits := newMix(Zipf, accounts, 1), make([]int, accounts)
	for n := range uint64(draws) {
		hits[m.operation(n).account]++
	}
	harmonic := 0.0
	for k := range accounts {
		harmonic += 1 / float64(k+1)
	}
	for _, rank := range []int{1, 2, 3, 10, 100, 1000} {
		near(t, "rank", float64(hits[rank-1]), draws/harmonic/float64(rank))
	}
	tail := 0
	for _, h := range hits[accounts/2:] {
		tail += h
	}
	near(t, "the rarer half", float64(tail), draws*math.Ln2/harmonic)
}

func TestAccountIDs(t *testing.T) {
	t.Parallel()
	seen := map[uuid.UUID]bool{}
	last := uuid.UUID{}
	for _, seed := range []uint64{1, 2} {
		p := population{seed: seed, size: 5000}
		for k := range p.size {
			id := p.id(k)
			if id != p.id(k) || id.Version() != 7 || id.Variant() != uuid.RFC4122 || seen[id] {
				t.Fatalf("account %d of seed %d: %s", k, seed, id)
			}
			if k > 0 && bytes.Compare(last[:], id[:]) >= 0 {
				t.Fatalf("%s does not follow %s", id, last)
			}
			seen[id], last = true, id
		}
	}
	if (population{1, 10}).marker() == (population{1, 20}).marker() {
		t.Error("one marker for two sizes")
	}
}

// What is put together by hand is what net/http reads.
func TestRequests(t *testing.T) {
	t.Parallel()
	endpoint, err := lean.NewEndpoint("http://bank.example:8080/v0", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, id := newRequests(endpoint, "T0K", "bench-1"), uuid.MustParse("01980a52-6d2f-7c31-9f5e-2b8d5f4f6a10")
	for name, tt := range map[string]struct {
		sent []byte
		line string
		body string
	}{
		"deposit":    {r.movement(nil, deposit, id, []byte("k-1"), 12550), "POST /v0/v1/accounts/" + id.String() + "/deposits", `{"amount":12550,"currency":"EUR"}`},
		"withdrawal": {r.movement(nil, withdrawal, id, []byte("k-1"), 1), "POST /v0/v1/accounts/" + id.String() + "/withdrawals", `{"amount":1,"currency":"EUR"}`},
		"open": {r.open(nil, id, []byte("k-1")), "POST /v0/v1/accounts",
			`{"account_id":"` + id.String() + `","owner_id":"bench-1","owner_name":"bench-1","currency":"EUR"}`},
		"open any": {r.open(nil, noAccount, []byte("k-1")), "POST /v0/v1/accounts", `{"owner_id":"bench-1","owner_name":"bench-1","currency":"EUR"}`},
		"read":     {r.read(nil, id, 0), "GET /v0/v1/accounts/" + id.String(), ""},
		"demand":   {r.read(nil, id, 4711), "GET /v0/v1/accounts/" + id.String(), ""},
	} {
		rest := bufio.NewReader(bytes.NewReader(tt.sent))
		got, err := http.ReadRequest(rest)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(got.Body)
		if _, end := rest.ReadByte(); err != nil || !errors.Is(end, io.EOF) {
			t.Errorf("%s: %v; more follows", name, err)
		}
		if line := got.Method + " " + got.URL.Path; line != tt.line || string(body) != tt.body || got.Host != "bank.example:8080" {
			t.Errorf("%s: %s at %s, body %s", name, line, got.Host, body)
		}
		h := got.Header
		if h.Get("Authorization") != "Bearer T0K" || tt.body != "" && (h.Get("Idempotency-Key") != "k-1" || h.Get("Content-Type") != "application/json") {
			t.Errorf("%s: %v", name, h)
		}
		if demand := h.Get("Passbook-Min-Position"); (demand == "4711") != (name == "demand") {
			t.Errorf("%s demands %q", name, demand)
		}
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.5, 10, 999, 1000, 1001, 7777, 250_000} {
		s := newSchedule(rate, 3*time.Second, 1)
		if got, want := float64(s.arrivals()), math.Ceil(rate*3); math.Abs(got-want) > 1 {
			t.Errorf("%v/s: %v arrivals in 3 s", rate, got)
		}
		for n := range s.arrivals() {
			if exact := time.Duration(float64(n) / rate * float64(time.Second)); s.due(n) < exact-tick-time.Microsecond || s.due(n) > exact+time.Microsecond {
				t.Fatalf("%v/s: arrival %d is due at %v, not %v", rate, n, s.due(n), exact)
			}
		}
	}
}

func TestAlarm(t *testing.T) {
	t.Parallel()
	a := newAlarm()
	defer a.close()
	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	if err := a.wait(ctx, time.Millisecond); err != nil || time.Since(start) < time.Millisecond {
		t.Errorf("woke after %v with %v", time.Since(start), err)
	}
	cancel()
	if err := a.wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	s, ms := series{current: newHistogram()}, time.Millisecond
	none := func() int { return 3 }
	s.add(100*ms, accepted, 10*ms, none)
	s.add(900*ms, accepted, 20*ms, none)
	s.add(3100*ms, refused, 5*ms, none) // two seconds of silence before
	s.add(2900*ms, accepted, 30*ms, none)
	s.finish(4500*ms, none)
	if len(s.seconds) != 5 {
		t.Fatalf("%d seconds", len(s.seconds))
	}
	first := s.seconds[0]
	if first.Accepted != 2 || math.Abs(first.P99-20) > .1 || first.Waiting != 3 || s.seconds[1].Accepted != 0 || s.seconds[2].Max != 0 {
		t.Errorf("%+v", s.seconds)
	}
	if late := s.seconds[3]; late.Accepted != 1 || late.Refused != 1 || late.RefusedMax != 5 || s.seconds[4] != (Second{Second: 4, Waiting: 3}) {
		t.Errorf("%+v", s.seconds)
	}
}

func TestLagThatGrows(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lag   func(second int) time.Duration
		grows bool
	}{
		"flat":              {func(int) time.Duration { return 50 * time.Millisecond }, false},
		"grows":             {func(s int) time.Duration { return time.Duration(20+5*s) * time.Millisecond }, true},
		"falls":             {func(s int) time.Duration { return time.Duration(200-5*s) * time.Millisecond }, false},
		"doubles by little": {func(s int) time.Duration { return time.Duration(2+s/10) * time.Millisecond }, false},
	} {
		sampler, seconds := newLagSampler(5*time.Second, 35*time.Second), make([]Second, 30)
		for s := range 30 {
			sampler.add(offer{answered: time.Duration(5+s) * time.Second}, tt.lag(s), false, false)
		}
		lag := sampler.report(seconds)
		if lag.Grows != tt.grows || lag.Count != 30 || lag.First.Count != 10 || lag.Last.Count != 10 {
			t.Errorf("%s: %+v", name, lag)
		}
		if got := *seconds[29].LagMax; got != milliseconds(tt.lag(29).Microseconds()) {
			t.Errorf("%s: the last second's lag is %v", name, got)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	for _, capacity := range []float64{3, 90, 1000, 1234, 40_000} {
		for _, start := range []float64{1, 700, 2000, 100_000} {
			tries := 0
			got, err := search(start, func(rate float64) (bool, error) {
				tries++
				return rate <= capacity && tries%5 != 0, nil // now and then it stutters
			})
			if close := got >= capacity*0.9 && got <= capacity; err != nil || !close && tries < limitStepsMax {
				t.Errorf("capacity %v from %v: %v after %d tries, %v", capacity, start, got, tries, err)
			}
		}
	}
	failure := errors.New("no bank")
	if _, err := search(1, func(float64) (bool, error) { return true, failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	c := LimitConfig{P99: 50 * time.Millisecond}
	for name, tt := range map[string]struct {
		m    Measurement
		want string
	}{
		"kept up":    {Measurement{Offered: 1000, Rate: 990, Latency: Latency{P99: 49}}, ""},
		"slow":       {Measurement{Offered: 1000, Rate: 990, Latency: Latency{P99: 51}}, "p99 51.0 ms"},
		"behind":     {Measurement{Offered: 1000, Rate: 900, Latency: Latency{P99: 1}}, "90.0 % of what was offered"},
		"refused":    {Measurement{Offered: 1000, Rate: 999, Refused: 1}, "1 refused"},
		"errors too": {Measurement{Offered: 1000, Rate: 999, Errors: 2, Refused: 1}, "2 errors"},
	} {
		if got := c.judge(&tt.m); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestGoals(t *testing.T) {
	t.Parallel()
	m := &Measurement{Rate: 20_000, Accepted: 1, Errors: 1, Latency: Latency{P99: 50, P999: 80.5}, Lag: &Lag{Latency: Latency{Count: 9, P99: 200}}}
	for text, met := range map[string]bool{
		"rate>=20000": true, "rate>=20000.5": false, "p99<=50ms": true, "p99<=49ms": false, "p99.9<=0.0805s": true, " errors <= 0 ": false,
		"errors<=1": true, "lag_p99<=0.2s": true, "lag_p99<=199ms": false, "p99>=1ms": true, "refused<=0": true,
	} {
		goals, err := ParseGoals(text)
		if err != nil || len(goals) != 1 {
			t.Fatalf("%s: %v, %v", text, goals, err)
		}
		if got := goals[0].check(m); got.Met != met {
			t.Errorf("%s: %+v", text, got)
		}
	}
	several, err := ParseGoals("rate>=1,p99<=1ms,lag_p50<=1ms")
	if err != nil || len(several) != 3 || several[1].NeedsLag() || !several[2].NeedsLag() {
		t.Errorf("%+v, %v", several, err)
	}
	for _, text := range []string{"rate", "rate=1", "speed>=1", "p99<=50", "rate>=fast", "rate>=20ms", ">=1", "p99<=", "rate>=1;p99<=1ms"} {
		if got, err := ParseGoals(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

// A bank that answers nothing keeps no bound on times.
func TestGoalOfNothingIsMissed(t *testing.T) {
	t.Parallel()
	goals, err := ParseGoals("p99<=50ms,lag_p99<=50ms")
	if err != nil {
		t.Fatal(err)
	}
	r := Report{Result: &Measurement{Lag: &Lag{}}}
	if err := r.Check(goals); !errors.Is(err, ErrGoalMissed) || r.Goals[0].Met || r.Goals[1].Met {
		t.Errorf("got %v, %+v", err, r.Goals)
	}
}

func TestProblemCode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"status": 503, "code": "overloaded", "x": 1}`: " overloaded", `{"code":"a_b"}`: " a_b",
		`<html>`: "", `{"code": 5}`: "", `{"code": "unclosed`: "", ``: "", `{"code":"` + strings.Repeat("x", 100) + `"}`: "",
	} {
		if got := problemCode([]byte(body)); got != want {
			t.Errorf("%.40s: %q", body, got)
		}
	}
}

// Every fault is named, each by itself.
func TestConfigFaults(t *testing.T) {
	t.Parallel()
	good := Config{CommandURLs: []string{"http://x"}, Scenario: Spread, Accounts: 1, Connections: 1, Duration: time.Second, Timeout: time.Second}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"no scenario": func(c *Config) { c.Scenario = "none" }, "2 command APIs": func(c *Config) { c.Scenario = TwoWriters },
		"needs 1 command": func(c *Config) { c.CommandURLs = slices.Repeat(c.CommandURLs, 2) }, "query API": func(c *Config) { c.Scenario = Mixed },
		"no commands whose lag": func(c *Config) { c.Scenario, c.QueryURL, c.Lag = Read, "http://x", true }, "accounts": func(c *Config) { c.Accounts = 0 },
		"two accounts": func(c *Config) { c.Scenario = Transfers }, "closed loop": func(c *Config) { c.Scenario, c.Rate = Bulk, 1 },
		"connections": func(c *Config) { c.Connections = 0 }, "rate": func(c *Config) { c.Rate = -1 }, "duration": func(c *Config) { c.Duration = 0 },
		"warm-up": func(c *Config) { c.Warmup = -1 }, "timeout": func(c *Config) { c.Timeout = 0 },
		"p99": func(c *Config) { c.FindLimit = &LimitConfig{Step: time.Second} }, "step": func(c *Config) { c.FindLimit = &LimitConfig{P99: 1} },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func TestMachine(t *testing.T) {
	t.Parallel()
	if m := ThisMachine(); m.Cores < 1 || m.Processors < 1 || !strings.HasPrefix(m.GoVersion, "go") || m.CPU == "" || m.Kernel == "" {
		t.Errorf("%+v", m)
	}
}
