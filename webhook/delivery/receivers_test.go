package delivery_test

import (
	"bytes"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel"
	"passbook/webhook"
	"passbook/webhook/delivery"
)

// attempted runs an engine until the subscription's first delivery has ended or was tried n times, and returns its attempts.
func (w *town) attempted(id uuid.UUID, e *delivery.Engine, n int) []webhook.Attempt {
	w.t.Helper()
	if head, _, _ := w.Reached(w.t.Context()); head == 0 {
		w.add(uuid.New(), "ada", readmodel.TypeDeposit, 1)
	}
	kill := w.runToKill(e)
	var all []webhook.Attempt
	w.await("attempts", func() bool {
		log := w.deliveries(id, "")
		if len(log) == 0 {
			return false
		}
		all = w.attempts(id, log[0].ID)
		return len(all) >= n || log[0].State != webhook.Pending
	})
	kill()
	return all
}

// What a receiver does wrong is on record in a word, and nothing of it is followed or read at length.
func TestReceiversThatDoWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer func(http.ResponseWriter, *http.Request, int)
		result webhook.Result
		status int
		check  func(t *testing.T, a webhook.Attempt)
	}{
		"fails":       {status(500), webhook.Refused, 500, nil},
		"not found":   {status(404), webhook.Refused, 404, nil},
		"too many":    {status(429), webhook.Refused, 429, nil},
		"not changed": {status(304), webhook.Redirected, 304, nil},
		"redirects": {func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, webhook.Redirected, 307, nil},
		"huge": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.WriteHeader(http.StatusBadGateway)
			for block := bytes.Repeat([]byte("a"), 1<<20); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, webhook.Refused, 502, func(t *testing.T, a webhook.Attempt) {
			if len(a.Answer) != 1024 {
				t.Errorf("%d bytes are kept", len(a.Answer))
			}
		}},
		"huge head": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("X-Huge", strings.Repeat("a", 64<<10))
		}, webhook.ConnectionFailed, 0, nil},
		"hangs up": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, webhook.ConnectionFailed, 0, nil},
		"silent": {func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }, webhook.TimedOut, 0, nil},
		"babbles": {func(w http.ResponseWriter, r *http.Request, _ int) { // it has said that all is well
			w.WriteHeader(http.StatusAccepted)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, webhook.Arrived, 202, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t, webhook.Limits{})
			r := newReceiver(t, tt.answer)
			id := w.subscribe(r, webhook.New{})
			config := hasty()
			config.Timeout = 100 * time.Millisecond
			attempts := w.attempted(id, w.engine(config), 2)
			for _, a := range attempts {
				if a.Result != tt.result || a.Status != tt.status {
					t.Errorf("%+v", a)
				}
				if tt.check != nil {
					tt.check(t, a)
				}
			}
			if ok := tt.result == webhook.Arrived; ok != (len(attempts) == 1) {
				t.Errorf("%d attempts", len(attempts))
			}
			if name == "redirects" && len(r.all()) < len(attempts) {
				t.Errorf("%d requests", len(r.all()))
			}
		})
	}
}

// A receiver that is gone is not asked again, and its subscription says so until it is resumed; then it goes on where it stopped.
func TestGone(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	var gone atomic.Bool
	gone.Store(true)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		if gone.Load() {
			w.WriteHeader(http.StatusGone)
		}
	})
	id := w.subscribe(r, webhook.New{})
	w.run(w.engine(hasty()))
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 1)
	w.await("it to be disabled", func() bool { return w.webhook(id).Status == webhook.Disabled })
	if s := w.webhook(id); s.Reason != webhook.Gone || len(r.all()) != 1 {
		t.Errorf("%+v after %d requests", s, len(r.all()))
	}
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 5)
	gone.Store(false)
	paused := false
	if _, err := w.store.Update(t.Context(), w.staff(), id, webhook.Change{Paused: &paused}); err != nil {
		t.Fatal(err)
	}
	w.awaitIdle(id)
	r.expect(upTo(6)...)
	if s := w.webhook(id); s.Status != webhook.Active || s.Reason != "" || s.Failures != 0 {
		t.Errorf("%+v", s)
	}
}

// A subscription that has failed for too long is disabled; a delivery that was tried too often, or for too long, is given up.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	w := newTown(t, webhook.Limits{})
	r := newReceiver(t, status(500))
	id := w.subscribe(r, webhook.New{})
	config := hasty()
	config.AttemptsMax = 3
	if got := resultsOf(w.attempted(id, w.engine(config), 100)); got != "refused refused refused" || len(w.deliveries(id, webhook.Failed)) != 1 {
		t.Errorf("%s", got)
	}
	config.AttemptsMax, config.GiveUpAfter = 0, time.Millisecond
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 1)
	stop := w.run(w.engine(config))
	w.await("the second one to be given up", func() bool { return len(w.deliveries(id, webhook.Failed)) == 2 })
	stop()
	if s := w.webhook(id); s.Status != webhook.Active || s.Failures < 4 || s.FailingSince == nil {
		t.Errorf("%+v", s)
	}
	config.GiveUpAfter, config.DisableAfter = 0, time.Nanosecond
	w.add(uuid.New(), "ada", readmodel.TypeDeposit, 1)
	w.run(w.engine(config))
	w.await("it to be disabled", func() bool { return w.webhook(id).Status == webhook.Disabled })
	if s := w.webhook(id); s.Reason != webhook.Failing {
		t.Errorf("%+v", s)
	}
}

// Who asks to be left alone is, within bounds.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][2]time.Duration{
		"600": {599 * time.Second, 601 * time.Second}, "99999999": {59 * time.Minute, 61 * time.Minute}, "-5": {0, time.Second}, "soon": {0, time.Second},
		time.Now().Add(20 * time.Minute).UTC().Format(http.TimeFormat): {18 * time.Minute, 21 * time.Minute},
	} {
		w := newTown(t, webhook.Limits{})
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Retry-After", given)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		id := w.subscribe(r, webhook.New{})
		w.attempted(id, w.engine(hasty()), 1)
		d := w.deliveries(id, "")[0]
		s := w.webhook(id)
		if rest := d.DueAt.Sub(d.Last.At); rest < want[0] || rest > want[1] {
			t.Errorf("%q: due %s later", given, rest)
		}
		if rest := s.QuietUntil.Sub(d.Last.At); want[0] > 0 && (rest < want[0] || rest > want[1]) {
			t.Errorf("%q: quiet for %s", given, rest)
		}
	}
}

// Certificates are looked at; what does not speak TLS is no receiver either.
func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer secure.Close()
	plain := newReceiver(t, nil)
	trusted := x509.NewCertPool()
	trusted.AddCert(secure.Certificate())
	for name, tt := range map[string]struct {
		url   string
		roots *x509.CertPool
		want  webhook.Result
	}{
		"a certificate of nobody": {secure.URL, nil, webhook.TLSFailed},
		"a good one":              {secure.URL, trusted, webhook.Arrived},
		"another name":            {strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), trusted, webhook.TLSFailed},
		"no TLS":                  {strings.Replace(plain.server.URL, "http:", "https:", 1), nil, webhook.TLSFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, webhook.Limits{})
			id := w.subscribe(newReceiver(t, nil), webhook.New{URL: tt.url})
			e := w.engine(hasty())
			e.Reach(everywhere, nil, tt.roots)
			if a := w.attempted(id, e, 1)[0]; a.Result != tt.want {
				t.Errorf("%+v", a)
			}
		})
	}
}

// Nothing listens there, or the name is none.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	for url, want := range map[string]webhook.Result{"http://" + address: webhook.ConnectionFailed, "http://nobody.invalid": webhook.NameUnknown} {
		w := newTown(t, webhook.Limits{})
		id := w.subscribe(newReceiver(t, nil), webhook.New{URL: url})
		e := w.engine(hasty())
		e.Reach(everywhere, names(t, nil), nil)
		if a := w.attempted(id, e, 1)[0]; a.Result != want {
			t.Errorf("%s: %+v", url, a)
		}
	}
}
