// Package tlsfiles keeps the certificate that an API shows its clients, and the authorities that may vouch for them, as files have them:
// a file that changes counts from the next handshake on, and connections that are open go on as they are.
//
// # Guarantees
//
// What cannot be used is never shown: a certificate that does not belong to the key, has expired, or is half written keeps the one
// before in its place, and is told in the log, once for each content of the files, and by a metric for as long as it stands. All
// three files count together, so that no handshake sees a part of a change.
//
// # Failures
//
// [Open] fails where there is nothing to fall back to. After that nothing fails: without anything better the process shows what it
// has, also when that expires.
package tlsfiles

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which files, and who is told about them.
type Config struct {
	CertFile, KeyFile string // PEM; the certificates of intermediates behind the server's own
	ClientCAFile      string // PEM; when it is set clients must show a certificate that one of these vouches for
	API               string
	Log               *slog.Logger
	Metrics           prometheus.Registerer
	Every             time.Duration // how often the files are read; 0: 5 s
}

// Files are the files as they were last good.
type Files struct {
	cfg     Config
	current atomic.Pointer[tls.Config]

	mu   sync.Mutex
	seen [sha256.Size]byte // what was last read, good or not

	expires prometheus.Gauge
	broken  prometheus.Gauge
	taken   prometheus.Counter
}

const everyDefault = 5 * time.Second

// Open reads the files for the first time.
func Open(cfg Config) (*Files, error) {
	if cfg.Every == 0 {
		cfg.Every = everyDefault
	}
	labels := prometheus.Labels{"api": cfg.API}
	f := &Files{
		cfg: cfg,
		expires: prometheus.NewGauge(prometheus.GaugeOpts{Name: "passbook_http_tls_certificate_expires_timestamp_seconds", ConstLabels: labels,
			Help: "When the certificate that clients are shown expires."}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{Name: "passbook_http_tls_files_broken", ConstLabels: labels,
			Help: "1 while the files of certificate, key and authorities cannot be used, so that those before them still are."}),
		taken: prometheus.NewCounter(prometheus.CounterOpts{Name: "passbook_http_tls_certificates_taken_total", ConstLabels: labels,
			Help: "Times that certificate, key and authorities were taken from their files."}),
	}
	for _, collector := range []prometheus.Collector{f.expires, f.broken, f.taken} {
		if err := cfg.Metrics.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics of certificates: %w", err)
		}
	}
	if err := f.Read(); err != nil {
		return nil, err
	}
	return f, nil
}

// TLS is what a server listens with. Each handshake goes by the files as they were last good.
func (f *Files) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.current.Load(), nil },
	}
}

// protocols has no HTTP/2: limits of connections, heads and times are those of requests one after another.
var protocols = []string{"http/1.1"}

// Run reads the files again and again until ctx is done.
func (f *Files) Run(ctx context.Context) error {
	ticker := time.NewTicker(f.cfg.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			_ = f.Read() // it is logged
		}
	}
}

// Read takes what the files have now, if it is something new and can be used.
func (f *Files) Read() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, err := f.content()
	seen := sha256.Sum256(fmt.Append(bytes.Join(content, []byte{0}), err))
	if seen == f.seen {
		return err
	}
	f.seen = seen
	var next *tls.Config
	if err == nil {
		next, err = f.parse(content)
	}
	if err != nil {
		f.broken.Set(1)
		if f.current.Load() != nil {
			f.cfg.Log.Error("certificate, key or authorities cannot be used: those before them still are", "api", f.cfg.API, "error", err)
		}
		return err
	}
	leaf := next.Certificates[0].Leaf
	f.current.Store(next)
	f.broken.Set(0)
	f.taken.Inc()
	f.expires.Set(float64(leaf.NotAfter.Unix()))
	f.cfg.Log.Info("certificate taken", "api", f.cfg.API, "subject", leaf.Subject.String(), "serial", leaf.SerialNumber.String(), "expires", leaf.NotAfter)
	return nil
}

// content is certificate, key and, where clients must show a certificate, who may vouch for them.
func (f *Files) content() (content [][]byte, err error) {
	for _, path := range []string{f.cfg.CertFile, f.cfg.KeyFile, f.cfg.ClientCAFile} {
		if path == "" {
			continue
		}
		text, err := os.ReadFile(path) //nolint:gosec // the files that whoever starts the binary names
		if err != nil {
			return nil, err
		}
		content = append(content, text)
	}
	return content, nil
}

func (f *Files) parse(content [][]byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(content[0], content[1])
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", f.cfg.CertFile, f.cfg.KeyFile, err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("%s: expired at %s", f.cfg.CertFile, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, Certificates: []tls.Certificate{pair}}
	if f.cfg.ClientCAFile != "" {
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		// A session that goes on would not be asked again whether its authority is still one.
		cfg.SessionTicketsDisabled = true
		if !cfg.ClientCAs.AppendCertsFromPEM(content[2]) {
			return nil, errors.New(f.cfg.ClientCAFile + ": has no certificate in PEM")
		}
	}
	return cfg, nil
}
