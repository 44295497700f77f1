package e2e

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/client"
	"passbook/internal/pgkit"
)

// Variable of this test, beside killSeed: how often the clients come back.
const streamConnections = "PASSBOOK_TEST_STREAM_CONNECTIONS"

// Clients of event streams that hang up at random moments and come back with the last id, at one or the other query API, get each event of
// their accounts once and in order: while commands run, processes of every kind are killed, and the timeline is rebuilt.
func TestAClientThatReconnectsAHundredTimes(t *testing.T) {
	t.Parallel()
	connections, seed := variable(t, streamConnections, 100), uint64(variable(t, killSeed, int(time.Now().UnixNano()&0xffffff))) //nolint:gosec // small
	t.Logf("%s=%d %s=%d", streamConnections, connections, killSeed, seed)
	f := newFleet(t)
	teller := newTeller(f)
	ids := make([]uuid.UUID, 10)
	for i := range ids {
		ids[i] = teller.open(10_000)
	}
	caughtUp(t, f.queryURL, f.issuerState)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var load, clients sync.WaitGroup
	for i := range 16 {
		load.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // small
			for n := 0; ctx.Err() == nil; n++ {
				//nolint:contextcheck // one that was begun is seen to its end
				teller.transfer(fmt.Sprintf("c%d-%d", i, n), ids[random.IntN(len(ids))], ids[random.IntN(len(ids))], 1+random.Int64N(20_000))
			}
		})
	}
	followed := make(chan []int64, 1)
	go func() { followed <- follow(t, teller.bank, ids[3]) }()
	killed, rebuilt := 0, 0
	load.Go(func() { killed = f.killAtRandom(ctx, rand.New(rand.NewPCG(seed, 999))) })
	load.Go(func() { rebuilt = f.rebuildAgainAndAgain(ctx, "timeline") })

	listeners := []*listener{{fleet: f, token: teller.token}, {fleet: f, token: teller.token, account: ids[3]}}
	for i, l := range listeners {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1000+uint64(i))) //nolint:gosec // small
			for l.connections < connections && t.Context().Err() == nil {
				l.listen(func() bool { return random.IntN(30) == 0 }, time.Duration(random.IntN(400))*time.Millisecond)
			}
		})
	}
	clients.Wait()
	cancel()
	load.Wait()
	if _, err := teller.bank.Deposit(t.Context(), lastReference, ids[3], client.Deposit{Amount: 1, Currency: "EUR", Reference: lastReference}); err != nil {
		t.Fatal(err)
	}
	caughtUp(t, f.queryURL, f.issuerState)
	for _, l := range listeners {
		l.check(killed, rebuilt)
	}
	if told := <-followed; !slices.Equal(told, listeners[1].told) {
		t.Errorf("the client's stream told of %d events, the other of %d, or they are not the same", len(told), len(listeners[1].told))
	}
}

// lastReference is that of the last event that a client follows.
const lastReference = "the-last-one"

// follow returns what a client's one stream tells of an account, whatever dies meanwhile.
func follow(t *testing.T, bank *client.Client, account uuid.UUID) (told []int64) {
	for event, err := range bank.Stream(t.Context(), client.StreamParams{AccountID: account, Beginning: true}) {
		if err != nil {
			t.Error(err)
			return told
		}
		told = append(told, event.Row.Position)
		if event.Row.Reference == lastReference {
			return told
		}
	}
	return told
}

// rebuildAgainAndAgain rebuilds a projection while others are killed, until ctx is done, and returns how often it was switched.
func (f *fleet) rebuildAgainAndAgain(ctx context.Context, projection string) (switched int) {
	for ctx.Err() == nil {
		rebuild := start(f.t, "projector", f.environ[:1], "rebuild", projection, "--yes")
		if rebuild.exit() == 0 {
			switched++
		}
	}
	return switched
}

// listener is a client of an event stream.
type listener struct {
	fleet       *fleet
	token       string
	account     uuid.UUID // Nil: all
	connections int
	last        string  // id
	told        []int64 // positions of the events
}

// listen connects and takes what it gets, until it has had enough, some time is over or the stream ends. What was not received whole is lost.
func (l *listener) listen(enough func() bool, limit time.Duration) {
	t := l.fleet.t
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	query := "?after=0"
	if l.account != uuid.Nil {
		query += "&account_id=" + l.account.String()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.fleet.queryURL+"/v1/stream"+query, nil)
	if err != nil {
		t.Error(err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	if l.last != "" {
		request.Header.Set("Last-Event-ID", l.last)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		if response.StatusCode < 500 {
			t.Errorf("stream: %d", response.StatusCode)
		}
		return // an instance that is gone
	}
	l.connections++
	time.AfterFunc(limit, cancel)
	var id, kind string
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case lines.Text() == "":
			l.take(id, kind)
			if id, kind = "", ""; enough() {
				return
			}
		case name == "id":
			id = value
		case name == "event":
			kind = value
		}
	}
}

func (l *listener) take(id, kind string) {
	if id != "" {
		l.last = id
	}
	if kind == "" || kind == "dropped" {
		return
	}
	position, err := strconv.ParseInt(id, 10, 64)
	if err != nil || kind == "withheld" {
		l.fleet.t.Errorf("event %q with id %q", kind, id)
	}
	l.told = append(l.told, position)
}

// check holds what was told, once the rest has been, against the log.
func (l *listener) check(killed, rebuilt int) {
	t := l.fleet.t
	t.Helper()
	pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: l.fleet.database.URL, Role: "passbook_query"})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	rows, err := pool.Query(t.Context(), `SELECT position FROM events WHERE stream_type = 'account' AND ($1::uuid = '00000000-0000-0000-0000-000000000000' OR stream_id = $1) ORDER BY position`, l.account)
	if err != nil {
		t.Fatal(err)
	}
	want, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	connections := l.connections
	for late := time.Now().Add(patience); len(l.told) < len(want) && time.Now().Before(late); {
		l.listen(func() bool { return len(l.told) >= len(want) }, patience)
	}
	if !slices.Equal(l.told, want) {
		t.Errorf("%d events told, the log has %d, or they are not the same", len(l.told), len(want))
	}
	t.Logf("%d connections, %d events, each once and in order; %d processes killed, %d rebuilds", connections, len(l.told), killed, rebuilt)
	if killed == 0 || rebuilt == 0 || len(want) < 50 {
		t.Errorf("%d killed, %d rebuilt, %d events: this test has shown nothing", killed, rebuilt, len(want))
	}
}
