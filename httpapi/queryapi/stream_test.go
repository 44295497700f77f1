package queryapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
	"passbook/internal/localissuer"
	"passbook/readmodel/broadcast"
)

func TestStreamTellsWhatTheCallerMaySee(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{}, queryapi.Streams{})
	s.happenings.add(s.ada(), 2)
	s.happenings.add(s.bob(), 1)
	s.happenings.add(s.ada(), 1)
	reader, ada := s.Token(t, "reader", auth.AccountsRead), s.Token(t, "ada", auth.Own)
	auditor := s.Token(t, "auditor", auth.AccountsRead, auth.AuditRead)
	for name, c := range map[string]struct {
		token, query string
		header       []string
		want         string
	}{
		"all":                     {reader, "?after=0", nil, "[1 2 3 4]"},
		"own":                     {ada, "?after=0", nil, "[1 2 4]"},
		"an account":              {reader, "?after=0&account_id=" + s.bob().ID.String(), nil, "[3]"},
		"an own account":          {ada, "?after=1&account_id=" + s.ada().ID.String(), nil, "[2 4]"},
		"behind what it has":      {reader, "?after=0", []string{"Last-Event-ID", "2"}, "[3 4]"},
		"an empty id is none":     {reader, "?after=2", []string{"Last-Event-ID", ""}, "[3 4]"},
		"who caused it, to audit": {auditor, "?after=3", nil, "[4]"},
	} {
		stream := s.open(c.token, c.query, c.header...)
		if stream.status != 200 || stream.header.Get("Content-Type") != "text/event-stream" || stream.header.Get("Passbook-Position") == "" || stream.header.Get("X-Request-Id") == "" {
			t.Fatalf("%s: %d %v", name, stream.status, stream.header)
		}
		got := stream.positions(len(strings.Fields(c.want)))
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	stream := s.open(auditor, "?after=3")
	e := stream.event()
	var data map[string]any
	if err := json.Unmarshal([]byte(e.data), &data); err != nil || e.kind != "deposit" {
		t.Fatalf("%+v: %v", e, err)
	}
	if data["position"] != 4.0 || data["balance"] != 400.0 || data["account_id"] != s.ada().ID.String() || fmt.Sprint(data["event_metadata"]) != "map[actor:teller-1]" {
		t.Errorf("%s", e.data)
	}
	if e := s.open(reader, "?after=3").event(); strings.Contains(e.data, "teller-1") {
		t.Errorf("who caused it, to a reader: %s", e.data)
	}
}

// Without a position a stream begins now, with an id to come back with; and what happens then is told as it happens.
func TestStreamBeginsNowAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{}, queryapi.Streams{Heartbeat: 10 * time.Millisecond})
	s.happenings.add(s.ada(), 7)
	stream := s.open(s.Token(t, "ada", auth.Own), "")
	if first, err := stream.next(); err != nil || first != (event{id: "7"}) {
		t.Fatalf("first %+v, %v", first, err)
	}
	s.happenings.add(s.bob(), 1)
	for beat := (event{}); beat.id != "8"; { // a heartbeat moves on behind what is not told
		var err error
		if beat, err = stream.next(); err != nil || beat.kind != "" {
			t.Fatalf("%+v, %v", beat, err)
		}
	}
	s.happenings.add(s.ada(), 2)
	if got := fmt.Sprint(stream.positions(2)); got != "[9 10]" {
		t.Errorf("then %s", got)
	}
}

// What limits the time of other requests does not cut a stream.
func TestStreamOutlivesTheLimitsOfRequests(t *testing.T) {
	t.Parallel()
	limits := httpapi.Config{RequestTimeout: 300 * time.Millisecond, ReadTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond}
	s := newLimitedStation(t, limits, broadcast.Config{}, queryapi.Streams{Heartbeat: 10 * time.Millisecond})
	stream := s.open(s.Token(t, "ada", auth.Own), "")
	for later := time.Now().Add(time.Second); time.Now().Before(later); {
		if _, err := stream.next(); err != nil {
			t.Fatal(err)
		}
	}
	s.happenings.add(s.ada(), 1)
	if got := fmt.Sprint(stream.positions(1)); got != "[1]" {
		t.Error(got)
	}
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{ListenersMax: 3, ListenersPerCaller: 2}, queryapi.Streams{})
	s.happenings.add(s.ada(), 5)
	ada, reader := s.Token(t, "ada", auth.Own), s.Token(t, "reader", auth.AccountsRead)
	refused := func(name, token, path string, status int, code string, header map[string]string) *httpapitest.Response {
		t.Helper()
		answer := s.Do(t, s.server, httpapitest.Request{Method: "GET", Path: path, Token: token, Header: header})
		if answer.Status != status || answer.Problem.Code != code {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
		}
		return answer
	}
	refused("another's account", ada, "/v1/stream?account_id="+s.bob().ID.String(), 404, "not_found", nil)
	refused("no account", reader, "/v1/stream?account_id="+uuid.NewString(), 404, "not_found", nil)
	refused("no id", reader, "/v1/stream?account_id=x", 400, "invalid_parameter", nil)
	refused("no position", reader, "/v1/stream?after=-1", 400, "invalid_parameter", nil)
	refused("behind the end", reader, "/v1/stream?after=6", 400, "invalid_parameter", nil)
	for _, id := range []string{"x", "-1", "01", "9999999999999999999", "1, 2"} {
		answer := s.Do(t, s.server, httpapitest.Request{Method: "GET", Path: "/v1/stream", Token: reader, Header: map[string]string{"Last-Event-ID": id}})
		if answer.Status != 400 {
			t.Errorf("Last-Event-ID %q: %d", id, answer.Status)
		}
	}
	for range 2 {
		if stream := s.open(ada, ""); stream.status != 200 {
			t.Fatal(stream.status)
		}
	}
	answer := refused("a third of ada's", ada, "/v1/stream", 429, "rate_limited", nil)
	if answer.Problem.Context["limit"] != "streams_per_caller" || answer.Problem.Context["max"] != 2.0 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("%s", answer.Body)
	}
	s.open(reader, "")
	if answer := refused("a fourth", reader, "/v1/stream", 503, "overloaded", nil); answer.Problem.Context["limit"] != "streams" {
		t.Errorf("%s", answer.Body)
	}
}

// last reads a stream to its end and returns the last event.
func (s *stream) last() (last event) {
	s.t.Helper()
	for {
		e, err := s.next()
		if errors.Is(err, io.EOF) {
			return last
		}
		if err != nil {
			s.t.Fatalf("behind %+v: %v", last, err)
		}
		last = e
	}
}

func TestStreamEndsWithTheToken(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{}, queryapi.Streams{})
	s.happenings.add(s.ada(), 3)
	token := s.Sign(t, localissuer.TokenRequest{Subject: "ada", Scopes: []string{"own"}, TTL: 2 * time.Second})
	stream := s.open(token, "?after=1")
	if e := stream.last(); e != (event{"3", "dropped", `{"reason":"token_expired","resume_after":3}`}) {
		t.Errorf("%+v", e)
	}
}

// A stop ends the streams in order: it need not wait for its limit.
func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := newStation(t, broadcast.Config{}, queryapi.Streams{})
	s.happenings.add(s.ada(), 3)
	stream := s.open(s.Token(t, "ada", auth.Own), "?after=0")
	stream.positions(3)
	s.stop()
	if e := stream.last(); e != (event{"3", "dropped", `{"reason":"server_stopping","resume_after":3}`}) {
		t.Errorf("%+v", e)
	}
	if err := <-s.stopped; err != nil {
		t.Error(err)
	}
}

// Several hundred listen, and one of them does not take what it gets: it is dropped, comes back and misses nothing, and nobody
// else notices.
func TestStreamOfASlowClientIsDropped(t *testing.T) {
	t.Parallel()
	const listeners, rounds, each = 300, 20, 10
	s := newStation(t, broadcast.Config{Queue: 50, SlowAfter: 50 * time.Millisecond, ListenersPerCaller: 1_000}, queryapi.Streams{WriteMax: time.Minute})
	s.happenings.add(s.ada(), 1)
	ada, reader := s.Token(t, "ada", auth.Own), s.Token(t, "reader", auth.AccountsRead)
	slow := s.open(reader, "")
	if _, err := slow.next(); err != nil {
		t.Fatal(err)
	}
	var all []*stream
	for i := range listeners {
		token, query := ada, ""
		if i%2 == 0 {
			token, query = reader, "?account_id="+s.ada().ID.String()
		}
		all = append(all, s.open(token, query))
	}
	for round := range rounds {
		s.happenings.add(s.ada(), each)
		for i, stream := range all {
			for k, id := range stream.positions(each) {
				if want := strconv.Itoa(2 + round*each + k); id != want {
					t.Fatalf("stream %d: %s, want %s", i, id, want)
				}
			}
		}
		<-time.After(5 * time.Millisecond)
	}
	heard := int64(1)
	for {
		e := slow.event()
		if e.kind == "dropped" {
			if e.data != fmt.Sprintf(`{"reason":"slow_consumer","resume_after":%d}`, heard) || e.id != strconv.FormatInt(heard, 10) {
				t.Errorf("%+v, heard up to %d", e, heard)
			}
			break
		}
		if heard++; e.id != strconv.FormatInt(heard, 10) {
			t.Fatalf("%+v, want %d", e, heard)
		}
	}
	if heard > 100 {
		t.Errorf("heard up to %d before it was dropped", heard)
	}
	again := s.open(reader, "", "Last-Event-ID", strconv.FormatInt(heard, 10))
	for heard < 1+rounds*each {
		if heard++; again.event().id != strconv.FormatInt(heard, 10) {
			t.Fatalf("not %d when it came back", heard)
		}
	}
}
