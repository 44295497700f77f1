package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"passbook/internal/config"
)

// enough is an environment in which every binary starts.
func enough(more ...string) map[string]string {
	environ := map[string]string{ //nolint:gosec // made up, to be masked
		"DATABASE_URL": "postgres://passbook:hunter2@db:5432/passbook?sslmode=disable",
		"NATS_URL":     "nats://passbook:hunter2@nats:4222",
		"AUTH_ISSUER":  "https://id.example.com",
	}
	maps.Copy(environ, config.Environ(more))
	return environ
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.LoadCommandAPI(enough())
	if err != nil {
		t.Fatal(err)
	}
	want := "LOG_LEVEL=info\nLOG_FORMAT=text\nOPS_ADDR=:8090\nSHUTDOWN_TIMEOUT=15s\nHTTP_ADDR=:8080\n" +
		"HTTP_CONNECTIONS_MAX=4096\nTLS_CERT_FILE=\nTLS_KEY_FILE=\nTLS_CLIENT_CA_FILE=\nCORS_ORIGINS=\nHSTS=0s\nTRUSTED_PROXIES=\nPROXY_HEADER=X-Forwarded-For\nRATE_PER_SUBJECT=0\nRATE_PER_SUBJECT_BURST=0\nAUDIT_RATE=100\nRATE_PER_ACCOUNT=0\nRATE_PER_ADDRESS=0\nRATE_PER_ADDRESS_BURST=0\nRATE_PER_ACCOUNT_BURST=0\n" +
		"DATABASE_URL=postgres://passbook:xxxxx@db:5432/passbook?sslmode=disable\n" +
		"DATABASE_ROLE=passbook_command\nDATABASE_MAX_CONNS=8\nMIGRATE=auto\n" +
		"NATS_URL=nats://passbook:xxxxx@nats:4222\nNATS_CREDS_FILE=\nNATS_NKEY_FILE=\nNATS_CA_FILE=\nNATS_CERT_FILE=\nNATS_KEY_FILE=\nNATS_STREAM_MAX_BYTES=1GiB\nNATS_STREAM_MAX_AGE=168h0m0s\n" +
		"AUTH_ISSUER=https://id.example.com\nAUTH_DISCOVERY_URL=\nAUTH_AUDIENCE=passbook\n" +
		"AUTH_ALGORITHMS=RS256,ES256,EdDSA\nAUTH_CLOCK_SKEW=30s\nAUTH_KEYS_REFRESH=5m0s\nAUTH_KEYS_STALE_MAX=1h0m0s\n" +
		"RELAY=on\nFORWARD=on\nQUEUE_MAX=8192\nQUEUE_AGE=2s\nQUEUE_DELAY=50ms\nBATCH_MAX=1024\nCACHE_BYTES=256MiB\nSNAPSHOT_EVERY=200\nBULK_TIMEOUT=1m0s\nBULK_MAX=16\nAPPROVAL_THRESHOLDS=\nAPPROVAL_EXPIRY=72h0m0s\n" +
		"PAYMENT_PROCESS=on\nPAYMENT_CONCURRENCY=32\nPAYMENT_STUCK_AFTER=8\nPAYMENT_STATUS_EVERY=30s\nPAYMENT_BACKOFF_MAX=1m0s\nPAYMENT_GRACE=10s\nCLEARING_TIMEOUT=5s\nCLEARING_SUBJECT=passbook.clearing\n" +
		"WEBHOOKS_ALLOW_PRIVATE=false\nWEBHOOKS_MAX=1000\nWEBHOOKS_PER_CALLER=20\nWEBHOOKS_REPLAY_MAX=1000000\n"
	if c.String() != want {
		t.Errorf("got\n%s\nwant\n%s", c, want)
	}
	q, err := config.LoadQueryAPI(enough())
	if err != nil || q.HTTPAddr != ":8081" || q.OpsAddr != ":8091" || q.DatabaseRole != "passbook_query" {
		t.Errorf("query-api: %v, error %v", q, err)
	}
	p, err := config.LoadProjector(enough())
	if err != nil || p.OpsAddr != ":8092" || p.DatabaseRole != "passbook_projector" || !slices.Equal(p.Projections, []string{"balances", "timeline", "owners", "holds", "payments", "approvals"}) {
		t.Errorf("projector: %v, error %v", p, err)
	}
}

func TestReadsEveryVariable(t *testing.T) {
	t.Parallel()
	environ := map[string]string{
		"LOG_LEVEL": "debug", "LOG_FORMAT": "json", "OPS_ADDR": "127.0.0.1:1", "SHUTDOWN_TIMEOUT": "20s",
		"HTTP_ADDR": "127.0.0.1:2", "DATABASE_URL": "host=db", "DATABASE_ROLE": "r", "DATABASE_MAX_CONNS": "3",
		"MIGRATE": "off", "NATS_URL": "tls://n:4222", "NATS_CREDS_FILE": "/creds", "NATS_CA_FILE": "/ca", "NATS_CERT_FILE": "/cert", "NATS_KEY_FILE": "/key", "NATS_STREAM_MAX_BYTES": "64MiB",
		"NATS_STREAM_MAX_AGE": "2h0m0s", "AUTH_ISSUER": "http://i", "AUTH_DISCOVERY_URL": "http://d",
		"AUTH_AUDIENCE": "a", "AUTH_ALGORITHMS": "PS256", "AUTH_CLOCK_SKEW": "1s", "AUTH_KEYS_REFRESH": "2s", "AUTH_KEYS_STALE_MAX": "3s",
		"RELAY": "off", "FORWARD": "off", "QUEUE_MAX": "4", "QUEUE_AGE": "8s", "QUEUE_DELAY": "9ms", "BATCH_MAX": "5", "CACHE_BYTES": "6MiB", "SNAPSHOT_EVERY": "7",
		"BULK_TIMEOUT": "3m0s", "BULK_MAX": "9", "APPROVAL_THRESHOLDS": "EUR:1000000,JPY:0", "APPROVAL_EXPIRY": "24h0m0s",
		"HTTP_CONNECTIONS_MAX": "20", "CORS_ORIGINS": "https://a.example,http://localhost:3000", "HSTS": "24h0m0s", "TLS_CERT_FILE": "/tls.crt", "TLS_KEY_FILE": "/tls.key", "TLS_CLIENT_CA_FILE": "/clients.crt", "TRUSTED_PROXIES": "10.0.0.0/8,2001:db8::/32", "PROXY_HEADER": "Forwarded", "AUDIT_RATE": "21", "RATE_PER_SUBJECT": "16", "RATE_PER_SUBJECT_BURST": "17", "RATE_PER_ACCOUNT": "18", "RATE_PER_ACCOUNT_BURST": "19", "RATE_PER_ADDRESS": "24", "RATE_PER_ADDRESS_BURST": "25",
		"PAYMENT_PROCESS": "off", "PAYMENT_CONCURRENCY": "10", "PAYMENT_STUCK_AFTER": "11", "PAYMENT_STATUS_EVERY": "12s", "PAYMENT_BACKOFF_MAX": "13s",
		"PAYMENT_GRACE": "14s", "CLEARING_TIMEOUT": "15s", "CLEARING_SUBJECT": "a.b",
		"WEBHOOKS_ALLOW_PRIVATE": "10.1.0.0/16,fd12::/16", "WEBHOOKS_MAX": "21", "WEBHOOKS_PER_CALLER": "22", "WEBHOOKS_REPLAY_MAX": "23",
	}
	c, err := config.LoadCommandAPI(environ)
	if err != nil {
		t.Fatal(err)
	}
	got := config.Environ(strings.Split(strings.TrimSpace(c.String()), "\n"))
	delete(got, "NATS_NKEY_FILE") // not beside the credentials
	if !maps.Equal(got, environ) {
		t.Errorf("got\n%v\nwant\n%v", got, environ)
	}
	if c.ShutdownTimeout != 20*time.Second || c.CacheBytes != 6<<20 || c.Relay || c.Forward {
		t.Errorf("typed values: %v %d %v", c.ShutdownTimeout, c.CacheBytes, c.Relay || c.Forward)
	}
}

// Each case breaks one thing; want is how the only fault begins.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct{ set, want string }{
		{"LOG_LEVEL=loud", `LOG_LEVEL: "loud" is none of`},
		{"LOG_LEVEL=4", `LOG_LEVEL: "4" is none of`},
		{"LOG_FORMAT=xml", "LOG_FORMAT: neither text nor json"},
		{"OPS_ADDR=8090", `OPS_ADDR: "8090" is no host:port`},
		{"OPS_ADDR=:http", `OPS_ADDR: ":http" has no port`},
		{"SHUTDOWN_TIMEOUT=15", "SHUTDOWN_TIMEOUT: "},
		{"SHUTDOWN_TIMEOUT=0s", "SHUTDOWN_TIMEOUT: 0s is not between"},
		{"HTTP_ADDR=:70000", "HTTP_ADDR: "},
		{"HTTP_ADDR=:8090", "HTTP_ADDR: the same as OPS_ADDR"},
		{"HTTP_CONNECTIONS_MAX=0", "HTTP_CONNECTIONS_MAX: 0 is not between"},
		{"CORS_ORIGINS=https://app.example/", `CORS_ORIGINS: "https://app.example/" is no origin`},
		{"CORS_ORIGINS=https://App.example", `CORS_ORIGINS: "https://App.example" is no origin`},
		{"CORS_ORIGINS=app.example", `CORS_ORIGINS: "app.example" is no origin`},
		{"CORS_ORIGINS=null", `CORS_ORIGINS: "null" is no origin`},
		{"HSTS=-1s", "HSTS: -1s is not between"},
		{"TLS_CERT_FILE=/tls.crt", "TLS_CERT_FILE: goes together with TLS_KEY_FILE"},
		{"TLS_KEY_FILE=/tls.key", "TLS_CERT_FILE: goes together with TLS_KEY_FILE"},
		{"TLS_CLIENT_CA_FILE=/clients.crt", "TLS_CLIENT_CA_FILE: without TLS_CERT_FILE nobody is asked"},
		{"TRUSTED_PROXIES=10.0.0.0/33", `TRUSTED_PROXIES: "10.0.0.0/33" is no network`},
		{"TRUSTED_PROXIES=10.0.0.1,proxy.example", `TRUSTED_PROXIES: "proxy.example" is no network`},
		{"PROXY_HEADER=X-Real-IP", `PROXY_HEADER: "X-Real-IP" is neither`},
		{"APPROVAL_THRESHOLDS=1000000", `APPROVAL_THRESHOLDS: "1000000" is no threshold`},
		{"APPROVAL_THRESHOLDS=EUR:1,eur:2", `APPROVAL_THRESHOLDS: "eur:2" is no threshold`},
		{"APPROVAL_THRESHOLDS=EUR:1,EUR:2", `APPROVAL_THRESHOLDS: EUR stands there twice`},
		{"APPROVAL_THRESHOLDS=EUR:-1", `APPROVAL_THRESHOLDS: "EUR:-1" is no threshold`},
		{"APPROVAL_EXPIRY=0s", "APPROVAL_EXPIRY: 0s is not between"},
		{"AUDIT_RATE=0", "AUDIT_RATE: 0 is not between"},
		{"RATE_PER_SUBJECT=-1", "RATE_PER_SUBJECT: -1 is not between"},
		{"RATE_PER_SUBJECT_BURST=2000000", "RATE_PER_SUBJECT_BURST: 2000000 is not between"},
		{"RATE_PER_ACCOUNT=many", "RATE_PER_ACCOUNT: "},
		{"RATE_PER_ACCOUNT_BURST=-1", "RATE_PER_ACCOUNT_BURST: -1 is not between"},
		{"DATABASE_URL=", "DATABASE_URL: not set"},
		{"DATABASE_URL=mysql://db/x", "DATABASE_URL: neither"},
		{"DATABASE_URL=passbook", "DATABASE_URL: neither"},
		{"DATABASE_ROLE=x; DROP", "DATABASE_ROLE: "},
		{"DATABASE_MAX_CONNS=0", "DATABASE_MAX_CONNS: 0 is not between 1 and"},
		{"DATABASE_MAX_CONNS=1", "DATABASE_MAX_CONNS: 1 is not enough"},
		{"DATABASE_MAX_CONNS=many", "DATABASE_MAX_CONNS: "},
		{"MIGRATE=yes", "MIGRATE: neither auto nor off"},
		{"NATS_URL=", "NATS_URL: not set"},
		{"NATS_URL=nats://a:4222,http://b", `NATS_URL: "http://b" is no nats://`},
		{"NATS_CERT_FILE=/cert", "NATS_CERT_FILE: goes together with NATS_KEY_FILE"},
		{"NATS_STREAM_MAX_BYTES=1GB", `NATS_STREAM_MAX_BYTES: "1GB" is no size`},
		{"NATS_STREAM_MAX_BYTES=9999999999GiB", "NATS_STREAM_MAX_BYTES: "},
		{"NATS_STREAM_MAX_BYTES=1KiB", "NATS_STREAM_MAX_BYTES: 1KiB is less than 1MiB"},
		{"NATS_STREAM_MAX_AGE=1s", "NATS_STREAM_MAX_AGE: 1s is less than"},
		{"AUTH_ISSUER=", "AUTH_ISSUER: not set"},
		{"AUTH_ISSUER=id.example.com", "AUTH_ISSUER: "},
		{"AUTH_DISCOVERY_URL=ftp://x", "AUTH_DISCOVERY_URL: "},
		{"AUTH_ALGORITHMS=RS256,none", `AUTH_ALGORITHMS: "none" is none of`},
		{"AUTH_ALGORITHMS=HS256", `AUTH_ALGORITHMS: "HS256" is none of`},
		{"AUTH_CLOCK_SKEW=6m", "AUTH_CLOCK_SKEW: 6m0s is not between"},
		{"AUTH_KEYS_REFRESH=1ms", "AUTH_KEYS_REFRESH: 1ms is not between"},
		{"AUTH_KEYS_STALE_MAX=1m", "AUTH_KEYS_STALE_MAX: 1m0s is not between"},
		{"RELAY=true", `RELAY: "true" is neither on nor off`},
		{"QUEUE_MAX=0", "QUEUE_MAX: 0 is not between"},
		{"QUEUE_AGE=0s", "QUEUE_AGE: 0s is not between"},
		{"QUEUE_DELAY=0s", "QUEUE_DELAY: 0s is not between"},
		{"BATCH_MAX=20000", "BATCH_MAX: 20000 is not between"},
		{"CACHE_BYTES=-1", "CACHE_BYTES: "},
		{"CACHE_BYTES=1", "CACHE_BYTES: 1 is less than"},
		{"SNAPSHOT_EVERY=-1", "SNAPSHOT_EVERY: -1 is not between"},
		{"BULK_TIMEOUT=0s", "BULK_TIMEOUT: 0s is not between"},
		{"BULK_TIMEOUT=61m", "BULK_TIMEOUT: 1h1m0s is not between"},
		{"BULK_MAX=0", "BULK_MAX: 0 is not between"},
		{"PAYMENT_CONCURRENCY=0", "PAYMENT_CONCURRENCY: 0 is not between"},
		{"PAYMENT_STUCK_AFTER=-1", "PAYMENT_STUCK_AFTER: -1 is not between"},
		{"PAYMENT_STATUS_EVERY=0s", "PAYMENT_STATUS_EVERY: 0s is not between"},
		{"PAYMENT_BACKOFF_MAX=25h", "PAYMENT_BACKOFF_MAX: 25h0m0s is not between"},
		{"PAYMENT_GRACE=-1s", "PAYMENT_GRACE: -1s is not between"},
		{"CLEARING_TIMEOUT=0s", "CLEARING_TIMEOUT: 0s is not between"},
		{"CLEARING_SUBJECT=a.>", "CLEARING_SUBJECT: \"a.>\" is no NATS subject"},
		{"DATABASE_URL_FILE=/x", "DATABASE_URL_FILE: set together with DATABASE_URL"},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			t.Parallel()
			_, err := config.LoadCommandAPI(enough(tt.set))
			got := faults(t, err)
			if len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
				t.Errorf("got %q, want %q alone", got, tt.want)
			}
		})
	}
}

func TestProjectorFaults(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{
		"PROJECTIONS=balances,":         "PROJECTIONS: names",
		"PROJECTIONS=balances,balances": "PROJECTIONS: a projection is named twice",
		"PARKED_MAX=-1":                 "PARKED_MAX: a number from 0 to 10000",
		"NATS_URL=":                     "NATS_URL: not set",
		"DATABASE_MAX_CONNS=1":          "DATABASE_MAX_CONNS: 1 is not enough",
	} {
		_, err := config.LoadProjector(enough(set))
		if got := faults(t, err); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: got %q, want %q alone", set, got, want)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.LoadCommandAPI(map[string]string{"LOG_LEVEL": "loud", "QUEUE_MAX": "x", "HTTP_ADDR": "x"})
	var names []string
	for _, fault := range faults(t, err) {
		name, _, _ := strings.Cut(fault, ":")
		names = append(names, name)
	}
	want := []string{"LOG_LEVEL", "QUEUE_MAX", "HTTP_ADDR", "DATABASE_URL", "NATS_URL", "AUTH_ISSUER"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestRelayOffNeedsNoNATS(t *testing.T) {
	t.Parallel()
	if _, err := config.LoadCommandAPI(enough("NATS_URL=", "RELAY=off")); err != nil {
		t.Error(err)
	}
}

func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("postgres://u:p@db/passbook\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := enough("DATABASE_URL=", "DATABASE_URL_FILE="+path)
	c, err := config.LoadQueryAPI(environ)
	if err != nil || string(c.DatabaseURL) != "postgres://u:p@db/passbook" { //nolint:gosec // made up, to be masked
		t.Errorf("got %q, error %v", string(c.DatabaseURL), err)
	}
	if environ["DATABASE_URL"] != "" {
		t.Error("loading changed the environment it was given")
	}
	_, err = config.LoadQueryAPI(enough("DATABASE_URL=", "DATABASE_URL_FILE="+path+".gone"))
	if got := faults(t, err); len(got) != 2 || !strings.HasPrefix(got[0], "DATABASE_URL_FILE: ") {
		t.Errorf("a file that is not there: %q", got)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	tests := []struct{ secret, want string }{
		{"postgres://u:hunter2@db/x", "postgres://u:xxxxx@db/x"},
		{"postgres://u:hun,ter2@db/x", "postgres://u:xxxxx@db/x"},
		{"postgres://u:hunter2@ho@db/x", "postgres://u:xxxxx@db/x"},
		{"postgres://u:hun/ter2@db/x", "postgres://xxxxx@db/x"},
		{"postgres://u:hun?ter2@db/x", "postgres://xxxxx@db/x"},
		{"postgres://u@db/x", "postgres://u@db/x"},
		{"postgres://db/x?user=u&password=hunter2&sslmode=disable", "postgres://db/x?user=u&password=xxxxx&sslmode=disable"},
		{"host=db user=u password=hunter2 dbname=x", "host=db user=u password=xxxxx dbname=x"},
		{"host=db password='hunter2 too' dbname=x", "host=db password=xxxxx dbname=x"},
		{"nats://hunter2@n:4222", "nats://xxxxx@n:4222"},
		{"nats://u:hunter2@a:4222,nats://u:hunter2@b:4222", "nats://u:xxxxx@a:4222,nats://u:xxxxx@b:4222"},
	}
	for _, tt := range tests {
		s := config.Secret(tt.secret)
		if s.String() != tt.want {
			t.Errorf("%s: got %s, want %s", tt.secret, s, tt.want)
		}
	}
	s := config.Secret(tests[0].secret)
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %s %+v %q %#v", s, s, s, s, s), string(asJSON), s.LogValue().String()} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("printed: %s", text)
		}
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{"command-api", "query-api", "projector", "webhooks", "migrate"} {
		seen := map[string]bool{}
		for _, v := range config.Variables(binary) {
			if v.Name == "" || v.Help == "" || seen[v.Name] {
				t.Errorf("%s: %+v: no name, no help, or twice", binary, v)
			}
			seen[v.Name] = true
		}
		if !seen["DATABASE_URL"] || !seen["DATABASE_URL_FILE"] {
			t.Errorf("%s does not know DATABASE_URL: %v", binary, seen)
		}
	}
	if got := config.Variables("teapot"); got != nil {
		t.Errorf("a teapot knows %v", got)
	}
}

func faults(t *testing.T, err error) []string {
	t.Helper()
	found := &config.Faults{}
	if !errors.As(err, &found) {
		t.Fatalf("got error %v, want *config.Faults", err)
	}
	for _, fault := range found.List {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%q does not say %q", err, fault)
		}
	}
	return found.List
}

// Event streams must not take all connections of the process.
func TestStreamsLeaveConnectionsToOthers(t *testing.T) {
	t.Parallel()
	_, err := config.LoadQueryAPI(enough("HTTP_CONNECTIONS_MAX=500", "STREAMS_MAX=500"))
	if got := faults(t, err); len(got) != 1 || !strings.HasPrefix(got[0], "STREAMS_MAX: 500 is not below HTTP_CONNECTIONS_MAX") {
		t.Errorf("%q", got)
	}
	if _, err := config.LoadQueryAPI(enough("HTTP_CONNECTIONS_MAX=501", "STREAMS_MAX=500")); err != nil {
		t.Error(err)
	}
}
