package tlsfiles_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"passbook/httpapi/tlsfiles"
	"passbook/internal/certtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var soon = time.Now().Add(time.Hour)

// kit is a directory with a certificate, and who keeps it.
type kit struct {
	t         *testing.T
	dir       string
	authority *certtest.Authority
	log       bytes.Buffer
	metrics   *prometheus.Registry
	cfg       tlsfiles.Config
}

func newKit(t *testing.T) (*kit, certtest.Issued) {
	t.Helper()
	k := &kit{t: t, dir: t.TempDir(), authority: certtest.New(t, "ours"), metrics: prometheus.NewRegistry()}
	first := k.authority.Issue("first", soon)
	cert, key := first.Files(t, k.dir)
	k.cfg = tlsfiles.Config{CertFile: cert, KeyFile: key, API: "test", Log: slog.New(slog.NewTextHandler(&k.log, nil)), Metrics: k.metrics}
	return k, first
}

func (k *kit) open() *tlsfiles.Files {
	k.t.Helper()
	f, err := tlsfiles.Open(k.cfg)
	if err != nil {
		k.t.Fatal(err)
	}
	return f
}

// shown is the serial number of the certificate that a handshake shows.
func (k *kit) shown(f *tlsfiles.Files) int64 {
	k.t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	served := make(chan error, 1)
	go func() { served <- tls.Server(ours, f.TLS()).Handshake() }()
	client := tls.Client(theirs, &tls.Config{RootCAs: k.authority.Pool(), ServerName: "localhost"})
	if err := client.Handshake(); err != nil {
		k.t.Fatal(err)
	}
	if err := <-served; err != nil {
		k.t.Fatal(err)
	}
	return client.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func (k *kit) metric(name string) float64 {
	k.t.Helper()
	families, err := k.metrics.Gather()
	if err != nil {
		k.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			m := family.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	k.t.Fatalf("no metric %s", name)
	return 0
}

func TestAnotherCertificateCountsFromTheNextHandshake(t *testing.T) {
	t.Parallel()
	k, first := newKit(t)
	f := k.open()
	if got := k.shown(f); got != first.Serial {
		t.Errorf("certificate %d is shown, not %d", got, first.Serial)
	}
	second := k.authority.Issue("second", soon.Add(time.Minute))
	second.Files(t, k.dir)
	if got := k.shown(f); got != first.Serial {
		t.Errorf("certificate %d is shown before it was read", got)
	}
	for range 3 {
		if err := f.Read(); err != nil {
			t.Fatal(err)
		}
	}
	if got := k.shown(f); got != second.Serial {
		t.Errorf("certificate %d is shown, not %d", got, second.Serial)
	}
	if n, at := k.metric("passbook_http_tls_certificates_taken_total"), k.metric("passbook_http_tls_certificate_expires_timestamp_seconds"); n != 2 || int64(at) != soon.Add(time.Minute).Unix() {
		t.Errorf("%g certificates were taken, the last expires at %g", n, at)
	}
}

// Whatever is wrong with what is new, what is there goes on, and it is said once and shown for as long as it is so.
func TestWhatCannotBeUsedIsNotShown(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(k *kit, next certtest.Issued){
		"the certificate without its key": func(k *kit, next certtest.Issued) { certtest.Write(k.t, k.cfg.CertFile, next.Cert) },
		"the key without its certificate": func(k *kit, next certtest.Issued) { certtest.Write(k.t, k.cfg.KeyFile, next.Key) },
		"half a certificate":              func(k *kit, next certtest.Issued) { certtest.Write(k.t, k.cfg.CertFile, next.Cert[:len(next.Cert)/2]) },
		"nothing":                         func(k *kit, _ certtest.Issued) { certtest.Write(k.t, k.cfg.KeyFile, nil) },
		"no file": func(k *kit, _ certtest.Issued) {
			if err := os.Remove(k.cfg.CertFile); err != nil {
				k.t.Fatal(err)
			}
		},
		"one that has expired": func(k *kit, _ certtest.Issued) {
			k.authority.Issue("old", time.Now().Add(-time.Minute)).Files(k.t, k.dir)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, first := newKit(t)
			k.t = t
			f := k.open()
			second := k.authority.Issue("second", soon)
			spoil(k, second)
			for range 3 {
				if err := f.Read(); err == nil && strings.Count(k.log.String(), "cannot be used") == 0 {
					t.Fatal("it is taken")
				}
			}
			if got := k.shown(f); got != first.Serial || k.metric("passbook_http_tls_files_broken") != 1 {
				t.Errorf("certificate %d is shown, not %d; broken: %g", got, first.Serial, k.metric("passbook_http_tls_files_broken"))
			}
			if n := strings.Count(k.log.String(), "level=ERROR"); n != 1 || strings.Contains(k.log.String(), "PRIVATE") {
				t.Errorf("it is said %d times:\n%s", n, &k.log)
			}
			second.Files(t, k.dir)
			if err := f.Read(); err != nil || k.shown(f) != second.Serial || k.metric("passbook_http_tls_files_broken") != 0 {
				t.Errorf("what is whole again is not taken: %v", err)
			}
		})
	}
}

func TestOpenFailsWhereNothingCanBeShown(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(k *kit){
		"no key":                    func(k *kit) { k.cfg.KeyFile = filepath.Join(k.dir, "gone") },
		"authorities that are none": func(k *kit) { k.cfg.ClientCAFile = k.cfg.KeyFile },
		"an expired certificate":    func(k *kit) { k.authority.Issue("old", time.Now().Add(-time.Minute)).Files(k.t, k.dir) },
	} {
		k, _ := newKit(t)
		spoil(k)
		if _, err := tlsfiles.Open(k.cfg); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
}

// Run finds by itself that files have changed.
func TestFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	k, first := newKit(t)
	k.cfg.Every, k.cfg.Log = time.Millisecond, slog.New(slog.DiscardHandler)
	f := k.open()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	second := k.authority.Issue("second", soon)
	second.Files(t, k.dir)
	for got := first.Serial; got != second.Serial; got = k.shown(f) {
		if got != first.Serial || t.Context().Err() != nil {
			t.Fatalf("certificate %d is shown", got)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
