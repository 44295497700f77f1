package commandapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"passbook/command"
	"passbook/httpapi/commandapi"
)

func deposits(path string, n int) (items []string) {
	for i := range n {
		items = append(items, item(path+"/deposits", fmt.Sprintf(`{"amount":%d,"currency":"EUR"}`, i+1)))
	}
	return items
}

// TestABulkWaitsForRoom: what is turned away for overload, at the door or in the queue, is begun again.
func TestABulkWaitsForRoom(t *testing.T) {
	t.Parallel()
	r := newRigWithin(t, commandapi.Limits{BulkWindow: 7})
	path := r.open("")
	tries, inQueue := 0, map[string]bool{}
	r.bank.begin = func(q command.Request) (command.Pending, error, bool) {
		switch tries++; {
		case tries%5 < 2:
			return command.Pending{}, command.ErrOverloaded, true
		case tries%11 == 0 && !inQueue[q.Key]:
			inQueue[q.Key] = true
			pending, tell := command.Promised()
			tell(command.Answer{}, command.ErrOverloaded)
			return pending, nil, true
		}
		return command.Pending{}, nil, false
	}
	got := r.bulk(r.teller, deposits(path, 60))
	for i, one := range got {
		if one.Status != 201 || one.Replayed {
			t.Errorf("item %d: %s", i, one.Body)
		}
	}
	if len(inQueue) == 0 {
		t.Error("nothing was turned away in the queue")
	}
}

// TestABulkWhoseTimeIsOver says of each item what is known: done, unknown, or not attempted.
func TestABulkWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	r := newRigWithin(t, commandapi.Limits{BulkTimeout: 100 * time.Millisecond, BulkWindow: 4})
	path, begun := r.open(""), 0
	r.bank.begin = func(command.Request) (command.Pending, error, bool) {
		switch begun++; {
		case begun <= 3:
			return command.Pending{}, nil, false
		case begun <= 5:
			never, _ := command.Promised()
			return never, nil, true
		}
		return command.Pending{}, command.ErrOverloaded, true
	}
	got := r.bulk(r.teller, deposits(path, 8))
	if want := "[201 201 201 504 504 503 503 503]"; statuses(got) != want {
		t.Errorf("got %s, want %s", statuses(got), want)
	}
	if p := got[7].problem(t); p.Code != "overloaded" || !p.Retryable {
		t.Errorf("problem %+v", p)
	}
}

// TestNoMoreThanTheWindowIsUnderWay answers no command before the window is full.
func TestNoMoreThanTheWindowIsUnderWay(t *testing.T) {
	t.Parallel()
	const window = 5
	r := newRigWithin(t, commandapi.Limits{BulkWindow: window})
	path := r.open("")
	var mu sync.Mutex
	var tells []func(command.Answer, error)
	r.bank.begin = func(command.Request) (command.Pending, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		pending, tell := command.Promised()
		if tells = append(tells, tell); len(tells) == window {
			for _, tell := range tells {
				tell(command.Answer{Status: 201, Body: []byte("{}")}, nil)
			}
			tells = nil
		}
		return pending, nil, true
	}
	// Each time the window is full all of it is answered, so the next run begins with the first result that is written.
	if got := r.bulk(r.teller, deposits(path, 4*window)); len(got) != 4*window {
		t.Errorf("%d results", len(got))
	}
}

// TestBulksAtATime: one too many is told so before its body is read.
func TestBulksAtATime(t *testing.T) {
	t.Parallel()
	r := newRigWithin(t, commandapi.Limits{BulkMax: 1})
	path := r.open("")
	begun, answer := make(chan struct{}), make(chan struct{})
	r.bank.begin = func(command.Request) (command.Pending, error, bool) {
		pending, tell := command.Promised()
		close(begun)
		go func() { <-answer; tell(command.Answer{Status: 201, Body: []byte("{}")}, nil) }()
		return pending, nil, true
	}
	first := make(chan []result)
	go func() { first <- r.bulk(r.teller, deposits(path, 1)) }()
	<-begun
	r.want(r.do("POST", "/v1/bulk", `[`), 503, "overloaded")
	close(answer)
	if got := <-first; got[0].Status != 201 {
		t.Errorf("%s", got[0].Body)
	}
	r.want(r.do("POST", "/v1/bulk", `[`), 400, "malformed_request")
}

// TestResultsAreStreamedAndACallerThatHangsUpEndsIt reads the first results while the others are under way, and leaves.
func TestResultsAreStreamedAndACallerThatHangsUpEndsIt(t *testing.T) {
	t.Parallel()
	r := newRigWithin(t, commandapi.Limits{BulkWindow: 4, BulkTimeout: time.Hour})
	path := r.open("")
	var begun atomic.Int64
	r.bank.begin = func(command.Request) (command.Pending, error, bool) {
		if begun.Add(1) <= 3 {
			return command.Pending{}, nil, false
		}
		never, _ := command.Promised()
		return never, nil, true
	}
	server := httptest.NewServer(r.server)
	defer server.Close() // waits for the handler
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/v1/bulk", strings.NewReader(strings.Join(deposits(path, 5000), "\n")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + r.teller}, "Idempotency-Key": {"k"}, "Content-Type": {"application/x-ndjson"}}
	answer, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	for i := range 3 {
		if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, fmt.Sprintf(`{"index":%d,"status":201,`, i)) {
			t.Fatalf("%s, %v", line, err)
		}
	}
	hangUp()
	server.Close()
	if n := begun.Load(); n != 3+4 {
		t.Errorf("%d items were begun, want the three that were answered and a window", n)
	}
}

// TestABulkEndsWhenTheServerStops: items that were not begun are told so, and the connection ends in order.
func TestABulkEndsWhenTheServerStops(t *testing.T) {
	t.Parallel()
	r := newRigWithin(t, commandapi.Limits{BulkWindow: 2, BulkTimeout: time.Hour})
	path := r.open("")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var tells []func(command.Answer, error)
	r.bank.begin = func(command.Request) (command.Pending, error, bool) {
		if len(tells) > 0 {
			stop()
			return command.Pending{}, command.ErrOverloaded, true // it waits for room, and sees that there will be none
		}
		pending, tell := command.Promised()
		tells = append(tells, tell)
		return pending, nil, true
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.server.Run(ctx, listener) }()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+listener.Addr().String()+"/v1/bulk", strings.NewReader("["+strings.Join(deposits(path, 4), ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + r.teller}, "Idempotency-Key": {"k"}, "Content-Type": {"application/json"}}
	go func() {
		<-ctx.Done()
		tells[0](command.Answer{Status: 201, Body: []byte("{}")}, nil)
	}()
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || strings.Count(string(body), `"code":"maintenance"`) != 3 || !strings.Contains(string(body), `"succeeded":1,"failed":3`) {
		t.Errorf("%s, %v", body, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
