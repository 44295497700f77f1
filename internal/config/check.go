package config

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of what can be configured: beyond them a number is a slip of the pen.
const (
	databaseConnsMax   = 1000
	queueMost          = 1 << 20
	queueAgeMost       = time.Minute
	batchMost          = 10_000
	bulkTimeoutMost    = time.Hour
	bulkMost           = 1000
	cacheLeast         = 1 << 20
	streamBytesLeast   = 1 << 20
	shutdownMost       = 10 * time.Minute
	snapshotEveryMost  = 1_000_000
	streamAgeLeast     = time.Minute
	projectionsAtLeast = 1
	verifyRateMost     = 1_000_000
	parkedMost         = 10_000
	concurrencyMost    = 1024
	attemptsMost       = 1000
	patienceLeast      = time.Millisecond
	patienceMost       = 24 * time.Hour
	skewMost           = 5 * time.Minute
	keysRefreshLeast   = time.Second
	keysRefreshMost    = time.Hour
	keysStaleMost      = 7 * 24 * time.Hour
	connectionsMost    = 1_000_000
	hstsMost           = 10 * 365 * 24 * time.Hour
	rateMost           = 1_000_000
	heartbeatLeast     = 10 * time.Millisecond
	heartbeatMost      = 5 * time.Minute
	streamsMost        = 1_000_000
	auditRateMost      = 10_000
	approvalLeast      = time.Second
	approvalMost       = 365 * 24 * time.Hour
	retentionLeast     = 30 * 24 * time.Hour
	retentionMost      = 100 * 365 * 24 * time.Hour
)

func (c *CommandAPI) check(f *Faults) {
	if c.DatabaseMaxConns == 1 {
		f.add("DATABASE_MAX_CONNS", "1 is not enough: one connection is kept for appending")
	}
	c.Process.check(f)
	c.HTTP.check(f, c.OpsAddr)
	c.Database.check(f)
	c.NATS.check(f, bool(c.Relay))
	c.Auth.check(f)
	c.Command.check(f)
	c.Payments.check(f)
	c.WebhookSubscriptions.check(f)
}

func (c *QueryAPI) check(f *Faults) {
	if c.StreamsMax >= c.HTTPConnectionsMax {
		f.add("STREAMS_MAX", "%d is not below HTTP_CONNECTIONS_MAX, which is %d: each stream is a connection, and others want one too", c.StreamsMax, c.HTTPConnectionsMax)
	}
	c.Process.check(f)
	c.HTTP.check(f, c.OpsAddr)
	c.Database.check(f)
	c.Auth.check(f)
	c.Streams.check(f)
}

func (c *Streams) check(f *Faults) {
	if c.StreamHeartbeat < heartbeatLeast || c.StreamHeartbeat > heartbeatMost {
		f.add("STREAM_HEARTBEAT", "%v is not between %v and %v", c.StreamHeartbeat, heartbeatLeast, heartbeatMost)
	}
	checkRange(f, "STREAMS_MAX", int64(c.StreamsMax), 1, streamsMost)
	checkRange(f, "STREAMS_PER_CALLER", int64(c.StreamsOfCaller), 1, streamsMost)
	checkRange(f, "STREAM_QUEUE", int64(c.StreamQueue), 2, queueMost)
}

func (c *Projector) check(f *Faults) {
	checkRange(f, "VERIFY_RATE", int64(c.VerifyRate), 1, verifyRateMost)
	if c.DatabaseMaxConns == 1 {
		f.add("DATABASE_MAX_CONNS", "1 is not enough: projections need one beside that of a transaction")
	}
	c.Process.check(f)
	c.Database.check(f)
	c.NATS.check(f, true)
	if len(c.Projections) < projectionsAtLeast || slices.Contains(c.Projections, "") {
		f.add("PROJECTIONS", "names separated by commas, none of them empty")
	}
	sorted := slices.Sorted(slices.Values(c.Projections))
	if len(slices.Compact(sorted)) != len(c.Projections) {
		f.add("PROJECTIONS", "a projection is named twice")
	}
	if c.ParkedMax < 0 || c.ParkedMax > parkedMost {
		f.add("PARKED_MAX", "a number from 0 to %d", parkedMost)
	}
	if c.AuditRetention < retentionLeast || c.AuditRetention > retentionMost {
		f.add("AUDIT_RETENTION", "%v is not between %v and %v", c.AuditRetention, retentionLeast, retentionMost)
	}
}

func (c *Operator) check(f *Faults) {
	c.Database.check(f)
	c.NATS.check(f, false)
	if c.ParkedMax < 0 || c.ParkedMax > parkedMost {
		f.add("PARKED_MAX", "a number from 0 to %d", parkedMost)
	}
}

func (c *LogReader) check(f *Faults) { c.DatabaseAddress.check(f) }

func (c *Migrator) check(f *Faults) { c.DatabaseAddress.check(f) }

func (p Process) check(f *Faults) {
	checkAddr(f, "OPS_ADDR", p.OpsAddr)
	if p.ShutdownTimeout <= 0 || p.ShutdownTimeout > shutdownMost {
		f.add("SHUTDOWN_TIMEOUT", "%v is not between 0 and %v", p.ShutdownTimeout, shutdownMost)
	}
}

func (h HTTP) check(f *Faults, opsAddr string) {
	checkRange(f, "HTTP_CONNECTIONS_MAX", int64(h.HTTPConnectionsMax), 1, connectionsMost)
	for _, origin := range h.CORSOrigins {
		checkOrigin(f, origin)
	}
	if (h.TLSCertFile == "") != (h.TLSKeyFile == "") {
		f.add("TLS_CERT_FILE", "goes together with TLS_KEY_FILE")
	}
	if h.TLSClientCAFile != "" && h.TLSCertFile == "" {
		f.add("TLS_CLIENT_CA_FILE", "without TLS_CERT_FILE nobody is asked for a certificate")
	}
	if h.HSTS < 0 || h.HSTS > hstsMost {
		f.add("HSTS", "%v is not between 0 and %v", h.HSTS, hstsMost)
	}
	checkRange(f, "RATE_PER_SUBJECT", int64(h.RatePerSubject), 0, rateMost)
	checkRange(f, "RATE_PER_SUBJECT_BURST", int64(h.RatePerSubjectBurst), 0, rateMost)
	checkRange(f, "AUDIT_RATE", int64(h.AuditRate), 1, auditRateMost)
	checkRange(f, "RATE_PER_ACCOUNT", int64(h.RatePerAccount), 0, rateMost)
	checkRange(f, "RATE_PER_ADDRESS", int64(h.RatePerAddress), 0, rateMost)
	checkRange(f, "RATE_PER_ADDRESS_BURST", int64(h.RatePerAddressBurst), 0, rateMost)
	checkRange(f, "RATE_PER_ACCOUNT_BURST", int64(h.RatePerAccountBurst), 0, rateMost)
	if !checkAddr(f, "HTTP_ADDR", h.HTTPAddr) {
		return
	}
	if h.HTTPAddr == opsAddr && !strings.HasSuffix(opsAddr, ":0") {
		f.add("HTTP_ADDR", "the same as OPS_ADDR")
	}
}

// checkOrigin refuses what no browser sends: origins are compared as they are.
func checkOrigin(f *Faults, origin string) {
	u, err := url.Parse(origin)
	if origin != "*" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || origin != u.Scheme+"://"+strings.ToLower(u.Host)) {
		f.add("CORS_ORIGINS", "%q is no origin such as https://app.example (in lower case, with nothing behind the host or port), nor *", origin)
	}
}

func checkAddr(f *Faults, name, addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		f.add(name, "%q is no host:port", addr)
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		f.add(name, "%q has no port between 0 and 65535", addr)
		return false
	}
	return true
}

func (d DatabaseAddress) check(f *Faults) {
	if d.DatabaseURL == "" {
		f.add("DATABASE_URL", "not set")
		return
	}
	// pgx reads both forms, and says more about them; here only what is plainly neither is refused.
	text := string(d.DatabaseURL)
	isURL := strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
	if !isURL && (strings.Contains(text, "://") || !strings.Contains(text, "=")) {
		f.add("DATABASE_URL", "neither a postgres:// URL nor key=value pairs")
	}
}

var roleName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func (d Database) check(f *Faults) {
	d.DatabaseAddress.check(f)
	if !roleName.MatchString(d.DatabaseRole) {
		f.add("DATABASE_ROLE", "%q is no role name (lower case letters, digits, underscores)", d.DatabaseRole)
	}
	checkRange(f, "DATABASE_MAX_CONNS", int64(d.DatabaseMaxConns), 1, databaseConnsMax)
}

func (n NATS) check(f *Faults, required bool) {
	if n.NATSURL == "" {
		if required {
			f.add("NATS_URL", "not set")
		}
		return
	}
	for server := range strings.SplitSeq(string(n.NATSURL), ",") {
		checkNATSServer(f, strings.TrimSpace(server))
	}
	if (n.NATSCertFile == "") != (n.NATSKeyFile == "") {
		f.add("NATS_CERT_FILE", "goes together with NATS_KEY_FILE")
	}
	if n.NATSCredsFile != "" && n.NATSNKeyFile != "" {
		f.add("NATS_NKEY_FILE", "set together with NATS_CREDS_FILE: one of them must go")
	}
	if n.NATSStreamMaxBytes < streamBytesLeast {
		f.add("NATS_STREAM_MAX_BYTES", "%v is less than %v", n.NATSStreamMaxBytes, Bytes(streamBytesLeast))
	}
	if n.NATSStreamMaxAge < streamAgeLeast {
		f.add("NATS_STREAM_MAX_AGE", "%v is less than %v", n.NATSStreamMaxAge, streamAgeLeast)
	}
}

func checkNATSServer(f *Faults, server string) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
		f.add("NATS_URL", "%q is no nats://, tls://, ws:// or wss:// URL", Secret(server))
	}
}

func (a Auth) check(f *Faults) {
	if a.AuthIssuer == "" {
		f.add("AUTH_ISSUER", "not set")
	} else {
		checkHTTPURL(f, "AUTH_ISSUER", a.AuthIssuer)
	}
	if a.AuthDiscoveryURL != "" {
		checkHTTPURL(f, "AUTH_DISCOVERY_URL", a.AuthDiscoveryURL)
	}
	if a.AuthAudience == "" {
		f.add("AUTH_AUDIENCE", "empty")
	}
	for _, name := range a.AuthAlgorithms {
		if !slices.Contains(algorithms, name) {
			f.add("AUTH_ALGORITHMS", "%q is none of %s", name, strings.Join(algorithms, ", "))
		}
	}
	if a.AuthClockSkew < 0 || a.AuthClockSkew > skewMost {
		f.add("AUTH_CLOCK_SKEW", "%v is not between 0 and %v", a.AuthClockSkew, skewMost)
	}
	if a.AuthKeysRefresh < keysRefreshLeast || a.AuthKeysRefresh > keysRefreshMost {
		f.add("AUTH_KEYS_REFRESH", "%v is not between %v and %v", a.AuthKeysRefresh, keysRefreshLeast, keysRefreshMost)
	}
	if a.AuthKeysStaleMax < a.AuthKeysRefresh || a.AuthKeysStaleMax > keysStaleMost {
		f.add("AUTH_KEYS_STALE_MAX", "%v is not between AUTH_KEYS_REFRESH and %v", a.AuthKeysStaleMax, keysStaleMost)
	}
}

// algorithms are those of httpapi/auth: with a private key signs the issuer, with a public one anybody verifies.
var algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}

func checkHTTPURL(f *Faults, name, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f.add(name, "%q is no http:// or https:// URL", text)
	}
}

func (c Command) check(f *Faults) {
	checkRange(f, "QUEUE_MAX", int64(c.QueueMax), 1, queueMost)
	if c.QueueAge <= 0 || c.QueueAge > queueAgeMost {
		f.add("QUEUE_AGE", "%v is not between 0 and %v", c.QueueAge, queueAgeMost)
	}
	if c.QueueDelay <= 0 || c.QueueDelay > queueAgeMost {
		f.add("QUEUE_DELAY", "%v is not between 0 and %v", c.QueueDelay, queueAgeMost)
	}
	checkRange(f, "BATCH_MAX", int64(c.BatchMax), 1, batchMost)
	checkRange(f, "SNAPSHOT_EVERY", int64(c.SnapshotEvery), 0, snapshotEveryMost)
	if c.BulkTimeout <= 0 || c.BulkTimeout > bulkTimeoutMost {
		f.add("BULK_TIMEOUT", "%v is not between 0 and %v", c.BulkTimeout, bulkTimeoutMost)
	}
	checkRange(f, "BULK_MAX", int64(c.BulkMax), 1, bulkMost)
	if c.ApprovalExpiry < approvalLeast || c.ApprovalExpiry > approvalMost {
		f.add("APPROVAL_EXPIRY", "%v is not between %v and %v", c.ApprovalExpiry, approvalLeast, approvalMost)
	}
	if c.CacheBytes < cacheLeast {
		f.add("CACHE_BYTES", "%v is less than %v", c.CacheBytes, Bytes(cacheLeast))
	}
}

var subjectPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func (p Payments) check(f *Faults) {
	checkRange(f, "PAYMENT_CONCURRENCY", int64(p.PaymentConcurrency), 1, concurrencyMost)
	checkRange(f, "PAYMENT_STUCK_AFTER", int64(p.PaymentStuckAfter), 0, attemptsMost)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"PAYMENT_STATUS_EVERY", p.PaymentStatusEvery}, {"PAYMENT_BACKOFF_MAX", p.PaymentBackoffMax}, {"PAYMENT_GRACE", p.PaymentGrace}, {"CLEARING_TIMEOUT", p.ClearingTimeout},
	} {
		if d.value < patienceLeast || d.value > patienceMost {
			f.add(d.name, "%v is not between %v and %v", d.value, patienceLeast, patienceMost)
		}
	}
	if !subjectPrefix.MatchString(p.ClearingSubject) {
		f.add("CLEARING_SUBJECT", "%q is no NATS subject without wildcards", p.ClearingSubject)
	}
}

func checkRange(f *Faults, name string, n, least, most int64) {
	if n < least || n > most {
		f.add(name, "%d is not between %d and %d", n, least, most)
	}
}
