// Package banktest runs a whole bank in a test's process: command API, query API and projector over a Postgres and a NATS of the test's own, with a
// clearing house that rejects, doubles and contradicts now and then, and an issuer that makes any token.
package banktest

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/client"
	"passbook/httpapi/httpapitest"
	"passbook/internal/auditor"
	"passbook/internal/clearing"
	"passbook/internal/config"
	"passbook/internal/eventcodec"
	"passbook/internal/localissuer"
	"passbook/internal/natskit"
	"passbook/internal/natstest"
	"passbook/internal/pgtest"
	"passbook/internal/service"
	"passbook/internal/supervise"
)

// Bank is a whole bank, without its operations port.
type Bank struct {
	CommandURL string
	QueryURL   string

	t        testing.TB
	database *pgtest.DB
	issuer   *localissuer.Issuer
	stop     func() // and waits
}

// patience bounds the waits for what must happen; the machine may be busy.
const patience = 90 * time.Second

// New starts a bank that ends with the test, with more variables than it needs (NAME=value). The package's TestMain is pgtest.Run's, or
// Main here.
func New(t testing.TB, more ...string) *Bank {
	t.Helper()
	issuer, err := localissuer.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	door := httptest.NewServer(issuer.Handler())
	t.Cleanup(door.Close)
	b := &Bank{t: t, database: pgtest.New(t), issuer: issuer}
	nats := natstest.Start(t).URL
	environ := map[string]string{
		"DATABASE_URL": b.database.URL, "NATS_URL": nats, "HTTP_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0",
		"AUTH_ISSUER": localissuer.ID, "AUTH_DISCOVERY_URL": door.URL + localissuer.Path,
		"QUEUE_DELAY": "20s", "QUEUE_AGE": "20s", // a machine that is busy with other things is no overload of ours
	}
	maps.Copy(environ, config.Environ(more))
	b.run(b.open(environ, nats))
	return b
}

// open opens the services as their binaries would.
func (b *Bank) open(environ map[string]string, nats string) []*service.Service {
	b.t.Helper()
	ctx, must := b.t.Context(), func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	commandConfig, err := config.LoadCommandAPI(environ)
	must(err)
	queryConfig, err := config.LoadQueryAPI(environ)
	must(err)
	projectorConfig, err := config.LoadProjector(environ)
	must(err)
	command, err := service.CommandAPI(ctx, commandConfig, b.runtime())
	must(err)
	query, err := service.QueryAPI(ctx, queryConfig, b.runtime())
	must(err)
	projector, err := service.Projector(ctx, projectorConfig, b.runtime())
	must(err)
	house, err := service.ClearingHouse(ctx, natskit.Config{URL: nats}, commandConfig.ClearingSubject, clearing.Rates{Reject: 0.2, Duplicate: 0.2, Contradict: 0.1}, b.runtime())
	must(err)
	b.CommandURL, b.QueryURL = "http://"+command.Addr.String(), "http://"+query.Addr.String()
	return []*service.Service{command, query, projector, house}
}

// runtime logs what is our fault into the test.
func (b *Bank) runtime() service.Runtime {
	log := slog.New(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	return service.Runtime{Log: log, Metrics: prometheus.NewRegistry()}
}

func (b *Bank) run(services []*service.Service) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	var parts []supervise.Part
	for _, s := range services {
		parts = append(parts, s.Parts...)
	}
	ended := make(chan error, 1)
	go func() { ended <- supervise.Run(ctx, slog.New(slog.DiscardHandler), patience, parts...) }()
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("the bank ended with: %v", err)
		}
	}
	b.t.Cleanup(b.stop)
}

// Audit waits until the read models are complete, stops the bank and proves log and read models.
func (b *Bank) Audit() auditor.Report {
	b.t.Helper()
	b.CaughtUp()
	b.stop()
	pool := b.database.Pool(b.t, "passbook_projector")
	codec, err := eventcodec.New()
	if err != nil {
		b.t.Fatal(err)
	}
	report, err := auditor.Verify(b.t.Context(), pool, codec, auditor.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	if !report.OK() {
		b.t.Errorf("the auditor finds %d differences: %v", report.DifferencesTotal, report.Differences)
	}
	return report
}

// CaughtUp waits until every projection has reached the end of the log.
func (b *Bank) CaughtUp() {
	b.t.Helper()
	operator := b.Client("operator-1", "operations")
	for late := time.Now().Add(patience); time.Now().Before(late); {
		list, err := operator.ListProjections(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		behind, parked := int64(0), int64(0)
		for _, p := range list.Data {
			behind += p.LagEvents
			parked += p.Parked
		}
		if behind == 0 && len(list.Data) > 0 {
			if parked > 0 {
				b.t.Errorf("%d accounts are set aside", parked)
			}
			return
		}
	}
	b.t.Error("the projections do not reach the end of the log")
}

// Client speaks to the bank for a subject.
func (b *Bank) Client(subject string, scopes ...string) *client.Client {
	b.t.Helper()
	c, err := client.New(client.Options{
		CommandURL: b.CommandURL, QueryURL: b.QueryURL, Token: client.StaticToken(b.Token(subject, scopes...)),
		HTTP: &http.Client{Timeout: patience, Transport: httpapitest.NewTransport(http.DefaultTransport, b.differs)},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *Bank) differs(r *http.Request, fault string) {
	b.t.Errorf("%s %s is not answered as documented: %s", r.Method, r.URL, fault)
}

// Token is one of the issuer, with an hour to go.
func (b *Bank) Token(subject string, scopes ...string) string {
	b.t.Helper()
	return b.Sign(localissuer.TokenRequest{Subject: subject, Scopes: scopes})
}

// Sign makes any token.
func (b *Bank) Sign(r localissuer.TokenRequest) string {
	b.t.Helper()
	token, err := b.issuer.Token(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}
