package apifuzz

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// bank is a whole bank in this process, without its operations port.
type bank struct {
	t          *testing.T
	database   *pgtest.DB
	issuer     *localissuer.Issuer
	commandURL string
	queryURL   string
	stop       func() // and waits
}

// patience bounds the waits for what must happen; the machine may be busy.
const patience = 90 * time.Second

func newBank(t *testing.T) *bank {
	t.Helper()
	issuer, err := localissuer.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	door := httptest.NewServer(issuer.Handler())
	t.Cleanup(door.Close)
	b := &bank{t: t, database: pgtest.New(t), issuer: issuer}
	nats := natstest.Start(t).URL
	environ := map[string]string{
		"DATABASE_URL": b.database.URL, "NATS_URL": nats, "HTTP_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0",
		"AUTH_ISSUER": localissuer.ID, "AUTH_DISCOVERY_URL": door.URL + localissuer.Path,
		"QUEUE_DELAY": "20s", "QUEUE_AGE": "20s", // a machine that is busy with other things is no overload of ours
	}
	b.run(b.open(environ, nats))
	return b
}

// open opens the services as their binaries would.
func (b *bank) open(environ map[string]string, nats string) []*service.Service {
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
	b.commandURL, b.queryURL = "http://"+command.Addr.String(), "http://"+query.Addr.String()
	return []*service.Service{command, query, projector, house}
}

// runtime logs what is our fault into the test.
func (b *bank) runtime() service.Runtime {
	log := slog.New(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	return service.Runtime{Log: log, Metrics: prometheus.NewRegistry()}
}

func (b *bank) run(services []*service.Service) {
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

// audit waits until the read models are complete, stops the bank and proves log and read models.
func (b *bank) audit() auditor.Report {
	b.t.Helper()
	b.caughtUp()
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

func (b *bank) caughtUp() {
	b.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if lag, parked := b.behind(); lag == 0 {
			if parked > 0 {
				b.t.Errorf("%d accounts are set aside", parked)
			}
			return
		}
	}
	b.t.Error("the projections do not reach the end of the log")
}

// behind is how many events the projections lack, and how many accounts they have set aside.
func (b *bank) behind() (events, parked int64) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.queryURL+"/v1/projections", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+b.token("operator-1", "operations"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var page struct {
		Data []struct {
			LagEvents int64 `json:"lag_events"`
			Parked    int64
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil || len(page.Data) == 0 {
		b.t.Fatalf("projections: %d, %v", response.StatusCode, err)
	}
	for _, p := range page.Data {
		events += p.LagEvents
		parked += p.Parked
	}
	return events, parked
}

func (b *bank) token(subject string, scopes ...string) string {
	b.t.Helper()
	return b.sign(localissuer.TokenRequest{Subject: subject, Scopes: scopes})
}

func (b *bank) sign(r localissuer.TokenRequest) string {
	b.t.Helper()
	token, err := b.issuer.Token(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

func contract(t *testing.T, yaml []byte) *httpapitest.Contract {
	t.Helper()
	c, err := httpapitest.NewContract(yaml)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
