package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passbook/client"
)

func event(id int, kind string) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: {\"position\":%d,\"type\":%q,\"amount\":5}\n\n", id, kind, id, kind)
}

func events(text ...string) step {
	return step{status: 200, header: map[string]string{"Content-Type": "text/event-stream"}, body: strings.Join(text, "")}
}

// A stream that is cut, refused for a while or ended by the bank goes on behind the last id that it had whole.
func TestStreamGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := &script{steps: []step{
			events("retry: 1000\nid: 3\n\n", event(4, "deposit"), event(5, "fee"), "id: 6\nevent: deposit\nda"),
			{status: 0}, problem(503, "overloaded", true),
			events(event(6, "deposit"), ": heartbeat\nid: 9\n\n"),
			events("id: 12\nevent: withheld\ndata: {\"position\":12}\n\n", "id: 12\nevent: dropped\ndata: {\"reason\":\"server_stopping\",\"resume_after\":12}\n\n"),
			events(event(13, "deposit"), "id: 13\nevent: dropped\ndata: {\"reason\":\"log_restored\"}\n\n"),
		}}
		var got []string
		for e, err := range bank.client(t).Stream(t.Context(), client.StreamParams{AccountID: account, After: 2}) {
			if err != nil {
				if !errors.Is(err, client.ErrLogRestored) {
					t.Errorf("it ended with %v", err)
				}
				break
			}
			if e.Row.Position != int64(e.Position) { //nolint:gosec // small
				t.Errorf("%d has the row %+v", e.Position, e.Row)
			}
			got = append(got, fmt.Sprint(e.Position, e.Type))
		}
		if text := strings.Join(got, " "); text != "4deposit 5fee 6deposit 12withheld 13deposit" {
			t.Errorf("got %s", text)
		}
		var asked []string
		for _, r := range bank.seen {
			asked = append(asked, r.URL.Query().Get("after")+":"+r.Header.Get("Last-Event-Id"))
		}
		if text := strings.Join(asked, " "); text != "2: :5 :5 :5 :9 :12" {
			t.Errorf("asked %s", text)
		}
	})
}

func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step step
		want error
		code client.ErrorCode
	}{
		"what is refused":   {step: problem(404, "not_found", false), code: client.ErrorCodeNotFound},
		"nothing ever":      {step: step{status: 0}, want: client.ErrPatience},
		"empty connections": {step: events(), want: client.ErrPatience},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				bank, ends := &script{steps: []step{c.step}}, 0
				for _, err := range bank.client(t).Stream(t.Context(), client.StreamParams{Beginning: true}) {
					ends++
					if c.want != nil && !errors.Is(err, c.want) || c.code != "" && !client.IsCode(err, c.code) {
						t.Errorf("it ended with %v", err)
					}
				}
				if ends != 1 || bank.seen[0].URL.Query().Get("after") != "0" {
					t.Errorf("%d ends; asked %s", ends, bank.seen[0].URL)
				}
			})
		})
	}
}

// A connection that says nothing, not even a heartbeat, is given up and made anew.
func TestStreamFallsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		bank := &silent{script: script{steps: []step{events(event(4, "deposit"), "id: 4\nevent: dropped\ndata: {\"reason\":\"log_restored\"}\n\n")}}}
		for e, err := range bank.client(t).Stream(t.Context(), client.StreamParams{}) {
			if err == nil && e.Position != 4 {
				t.Errorf("got %+v", e)
			}
		}
		if took := time.Since(began); took < 40*time.Second || took > time.Minute || len(bank.seen) != 1 {
			t.Errorf("it took %v and %d connections", took, len(bank.seen))
		}
	})
}

// silent is a bank whose first connection never says anything.
type silent struct {
	script
	began bool
}

func (s *silent) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.began {
		return s.script.RoundTrip(r)
	}
	s.began = true
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func (s *silent) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{QueryURL: "http://query", HTTP: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
