package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"passbook/internal/natstest"
	"passbook/internal/pgtest"
)

// fleet is the three services, two of each, as processes of their own, behind one address a kind.
type fleet struct {
	t           *testing.T
	environ     []string
	database    *pgtest.DB
	issuerState string

	processes  map[string][]*process
	front      map[string]*balancer
	commandURL string
	queryURL   string
}

var kinds = []string{"command-api", "query-api", "projector"}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, database: pgtest.New(t), issuerState: stateDir(t), processes: map[string][]*process{}, front: map[string]*balancer{}}
	issuer := start(t, "passbook", nil, "issuer", "--state", f.issuerState, "--addr", "127.0.0.1:0")
	address := issuer.await(`listening.*address=(\S+)`)[1]
	f.environ = []string{
		"DATABASE_URL=" + f.database.URL, "NATS_URL=" + natstest.Start(t).URL, "HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0",
		"AUTH_ISSUER=http://passbook.local/issuer", "AUTH_DISCOVERY_URL=http://" + address + "/issuer",
	}
	for range 2 { // the four of them migrate the empty database at once
		for _, kind := range kinds {
			f.add(kind)
		}
	}
	f.commandURL, f.queryURL = f.open("command-api"), f.open("query-api")
	return f
}

func (f *fleet) add(kind string) {
	f.processes[kind] = append(f.processes[kind], start(f.t, kind, f.environ))
}

// open puts the instances of a kind behind one address, in turn.
func (f *fleet) open(kind string) string {
	b := &balancer{}
	for _, p := range f.processes[kind] {
		b.add(f.t, p.await(`listening.*service=` + kind + `.*address=(\S+)`)[1])
	}
	f.front[kind] = b
	server := httptest.NewServer(b)
	f.t.Cleanup(server.Close)
	return server.URL
}

// replace kills an instance of each kind without warning and starts another in its place.
func (f *fleet) replace(i int) {
	for _, kind := range kinds {
		f.replaceOne(kind, i)
	}
}

func (f *fleet) replaceOne(kind string, i int) {
	f.processes[kind][i].kill()
	p := start(f.t, kind, f.environ)
	f.processes[kind][i] = p
	if b := f.front[kind]; b != nil {
		b.set(f.t, i, p.await(`listening.*service=` + kind + `.*address=(\S+)`)[1])
	}
}

func (f *fleet) client(command string, args ...string) *process {
	args = append([]string{command, "--state", f.issuerState, "--command-url", f.commandURL, "--query-url", f.queryURL}, args...)
	return start(f.t, "passbook", nil, args...)
}

// balancer sends each request to the next instance; a request to one that is gone fails, as it does behind a real one.
type balancer struct {
	targets [2]atomic.Pointer[httputil.ReverseProxy]
	count   int
	next    atomic.Uint64
}

func (b *balancer) add(t *testing.T, address string) {
	t.Helper()
	b.set(t, b.count, address)
	b.count++
}

func (b *balancer) set(t *testing.T, i int, address string) {
	t.Helper()
	if _, _, err := net.SplitHostPort(address); err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.Transport = held
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	b.targets[i].Store(proxy)
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.targets[b.next.Add(1)%2].Load().ServeHTTP(w, r)
}

// Two of each service share one outside Postgres and NATS, and one of each is killed in the middle.
func TestTwoOfEachService(t *testing.T) {
	t.Parallel()
	const accounts, rows = 60, 100
	f, file := newFleet(t), statement(t, "fleet", accounts, rows)
	importing := f.client("import", "--file", file, "--verify")
	importing.await(`\(30 %\)`)
	f.replace(0)
	if code := importing.exit(); code != 0 {
		t.Fatalf("import --verify exits with %d:\n%s", code, importing.tail())
	}
	importing.await(`no difference`)
	again := f.client("import", "--file", file, "--verify")
	if code := again.exit(); code != 0 {
		t.Fatalf("the second import exits with %d:\n%s", code, again.tail())
	}
	again.await(fmt.Sprintf(`0 new, %d,%03d replayed, 0 refused`, accounts*rows/1000, accounts*rows%1000))
	caughtUp(t, f.queryURL, f.issuerState)
	for _, kind := range kinds {
		for _, p := range f.processes[kind] {
			p.stop()
		}
	}
	if report := verify(t, f.database.URL); report.Events != accounts*(rows+1) {
		t.Errorf("the log has %d events, want %d", report.Events, accounts*(rows+1))
	}
	f.verifyCommand()
}

// verifyCommand is how an operator proves it.
func (f *fleet) verifyCommand() {
	f.t.Helper()
	p := start(f.t, "projector", []string{"DATABASE_URL=" + f.database.URL}, "verify")
	if code := p.exit(); code != 0 {
		f.t.Errorf("projector verify exits with %d:\n%s", code, p.tail())
	}
}
