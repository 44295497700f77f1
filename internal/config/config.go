// Package config reads what a binary needs to know from its environment: one struct a binary, built from the parts below.
//
// The fields say everything there is to say: env is the variable's name, help its meaning, and the value a field has
// before reading is its default. Loading reports every fault at once, by variable. A variable that is set but empty counts
// as not set. A Secret may also come from a file: NAME_FILE instead of NAME names it, and a trailing newline is dropped.
package config

import "time"

// CommandAPI configures cmd/command-api.
type CommandAPI struct {
	Process
	HTTP
	Database
	NATS
	Auth
	Command
	Payments
	WebhookAddresses
	WebhookSubscriptions
}

// QueryAPI configures cmd/query-api.
type QueryAPI struct {
	Process
	HTTP
	Database
	Auth
	Streams
}

// Streams is how the query API tells what happens (GET /v1/stream).
type Streams struct {
	StreamHeartbeat time.Duration `env:"STREAM_HEARTBEAT" help:"silence of an event stream that is broken by a comment; shorter than what proxies on the way wait"`
	StreamsMax      int           `env:"STREAMS_MAX" help:"event streams that this process keeps open, at most; beyond them 503"`
	StreamsOfCaller int           `env:"STREAMS_PER_CALLER" help:"of them those of one caller, at most; beyond them 429"`
	StreamQueue     int           `env:"STREAM_QUEUE" help:"events that wait in memory for a client; beyond them it gets them from the log, or is dropped when it has taken nothing for two seconds"`
}

// Projector configures cmd/projector.
type Projector struct {
	Process
	Database
	NATS
	Projections []string `env:"PROJECTIONS" help:"projections this instance keeps, by name, separated by commas"`
	ParkedMax   int      `env:"PARKED_MAX" help:"accounts that a projection sets aside at most, before it stops as a whole; 0: it stops at the first"`
	Verify      Switch   `env:"VERIFY" help:"on: verify the read models continuously, account after account, in the background; off: never"`
	VerifyRate  int      `env:"VERIFY_RATE" help:"events a second that continuous verification folds, at most"`

	AuditRetention time.Duration `env:"AUDIT_RETENTION" help:"how long denials are kept in the audit trail; at least 720h"`
}

// Operator configures the commands of operators (projector verify and the like): what the projector has, NATS only if it is there.
type Operator struct {
	Log
	Database
	NATS
	Projections []string `env:"PROJECTIONS" help:"projections that must be there, by name, separated by commas"`
	ParkedMax   int      `env:"PARKED_MAX" help:"accounts that a projection sets aside at most"`
}

// Migrator configures the one-off migration of a database (passbook migrate).
type Migrator struct {
	Log
	DatabaseAddress
}

// LogReader configures the commands that read the log and nothing else (passbook decode-log, replay, capture).
type LogReader struct {
	DatabaseAddress
	DatabaseRole string `env:"DATABASE_ROLE" help:"role taken on every connection"`
}

// Log is how a process logs, on stderr.
type Log struct {
	LogLevel  LogLevel  `env:"LOG_LEVEL" help:"debug, info, warn or error: the least that is logged"`
	LogFormat LogFormat `env:"LOG_FORMAT" help:"text or json"`
}

// Process is common to everything that serves.
type Process struct {
	Log
	OpsAddr         string        `env:"OPS_ADDR" help:"where /livez, /readyz and /metrics listen; keep it from the public"`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" help:"limit of a graceful stop, from the signal to the exit"`
}

// HTTP is common to the two APIs.
type HTTP struct {
	HTTPAddr            string        `env:"HTTP_ADDR" help:"where the API listens, host:port"`
	HTTPConnectionsMax  int           `env:"HTTP_CONNECTIONS_MAX" help:"connections of clients at a time; one more takes the place of one without a request, or is answered 503 overloaded"`
	TLSCertFile         string        `env:"TLS_CERT_FILE" help:"a file with the certificate that clients are shown, and those of intermediates behind it (PEM); read again when it changes. Without it the API speaks plain HTTP"`
	TLSKeyFile          string        `env:"TLS_KEY_FILE" help:"a file with the key of the certificate (PEM)"`
	TLSClientCAFile     string        `env:"TLS_CLIENT_CA_FILE" help:"a file with the authorities (PEM) by one of which clients must have a certificate, beside their token; without it none is asked for"`
	CORSOrigins         []string      `env:"CORS_ORIGINS" help:"origins whose pages may use the API, separated by commas, each as a browser sends it (https://app.example); *: all"`
	HSTS                time.Duration `env:"HSTS" help:"for how long browsers are told to come by TLS only; 0: not at all, unless a request comes by TLS"`
	TrustedProxies      Networks      `env:"TRUSTED_PROXIES" help:"networks of the proxies in front of the API, in CIDR form, separated by commas: they are believed when they say where a request comes from; nobody else is"`
	ProxyHeader         ProxyHeader   `env:"PROXY_HEADER" help:"X-Forwarded-For or Forwarded: in which of them the trusted proxies say so; the other one is not looked at"`
	RatePerSubject      int           `env:"RATE_PER_SUBJECT" help:"requests a second of one caller (issuer and subject of the token), each item of a bulk for one; more are answered 429 rate_limited. 0: no limit"`
	RatePerSubjectBurst int           `env:"RATE_PER_SUBJECT_BURST" help:"what a caller may use at once after a time of quiet; 0: ten seconds' worth"`
	AuditRate           int           `env:"AUDIT_RATE" help:"denials a second that this process writes into the audit trail one by one, and a fifth of it for one caller or address; what is beyond is counted"`
	RatePerAccount      int           `env:"RATE_PER_ACCOUNT" help:"requests a second about one account; more are answered 429 rate_limited. 0: no limit"`
	RatePerAddress      int           `env:"RATE_PER_ADDRESS" help:"requests a second from one IP address (of IPv6: one /64) without a token, or with one that this process has not verified before; more are answered 429 rate_limited. 0: no limit"`
	RatePerAddressBurst int           `env:"RATE_PER_ADDRESS_BURST" help:"what may come from an address at once after a time of quiet; 0: ten seconds' worth"`
	RatePerAccountBurst int           `env:"RATE_PER_ACCOUNT_BURST" help:"what an account may be asked at once after a time of quiet; 0: ten seconds' worth"`
}

// DatabaseAddress is where Postgres is.
type DatabaseAddress struct {
	DatabaseURL Secret `env:"DATABASE_URL" help:"the Postgres database, as a URL or as key=value pairs; required"`
}

// Database is how a process uses Postgres.
type Database struct {
	DatabaseAddress
	DatabaseRole     string    `env:"DATABASE_ROLE" help:"role taken on every connection, so that a mighty login still has the least rights"`
	DatabaseMaxConns int32     `env:"DATABASE_MAX_CONNS" help:"most connections this process opens"`
	Migrate          Migration `env:"MIGRATE" help:"auto: bring the schema up to date at start; off: refuse to start when it is behind"`
}

// NATS is the transport between the log and the projections.
type NATS struct {
	NATSURL            Secret        `env:"NATS_URL" help:"NATS servers with JetStream, separated by commas; required unless RELAY=off"`
	NATSCredsFile      string        `env:"NATS_CREDS_FILE" help:"credentials file for NATS: the user's JWT and key"`
	NATSNKeyFile       string        `env:"NATS_NKEY_FILE" help:"file with the seed of an NKey user of NATS, instead of credentials"`
	NATSCAFile         string        `env:"NATS_CA_FILE" help:"certificates that may vouch for NATS; with it the connection is encrypted, or not made"`
	NATSCertFile       string        `env:"NATS_CERT_FILE" help:"certificate that this process shows NATS, with NATS_KEY_FILE"`
	NATSKeyFile        string        `env:"NATS_KEY_FILE" help:"private key of NATS_CERT_FILE"`
	NATSStreamMaxBytes Bytes         `env:"NATS_STREAM_MAX_BYTES" help:"size of the stream; the oldest messages go first, the log keeps everything"`
	NATSStreamMaxAge   time.Duration `env:"NATS_STREAM_MAX_AGE" help:"age at which messages leave the stream"`
}

// Auth is whose bearer tokens are accepted.
type Auth struct {
	AuthIssuer       string `env:"AUTH_ISSUER" help:"OIDC issuer, exactly as in the tokens' iss; required"`
	AuthDiscoveryURL string `env:"AUTH_DISCOVERY_URL" help:"where the issuer's discovery document is fetched, when not below AUTH_ISSUER"`
	AuthAudience     string `env:"AUTH_AUDIENCE" help:"the aud that tokens must name"`

	AuthAlgorithms   []string      `env:"AUTH_ALGORITHMS" help:"what tokens may be signed with, separated by commas: RS256, PS256, ES256, EdDSA"`
	AuthClockSkew    time.Duration `env:"AUTH_CLOCK_SKEW" help:"how far the issuer's clock may be ahead of ours before its fresh tokens are refused"`
	AuthKeysRefresh  time.Duration `env:"AUTH_KEYS_REFRESH" help:"how often the issuer's keys are read, and so how long one that it withdraws is believed"`
	AuthKeysStaleMax time.Duration `env:"AUTH_KEYS_STALE_MAX" help:"how long the issuer's keys are believed while it cannot be asked"`
}

// Command sizes the write path.
type Command struct {
	Relay         Switch        `env:"RELAY" help:"on: this process may lead the relay from the log to NATS; off: never"`
	Forward       Switch        `env:"FORWARD" help:"on: of several instances one decides and the others send it their commands over NATS, when NATS_URL is set; off: this process decides for itself"`
	QueueMax      int           `env:"QUEUE_MAX" help:"commands waiting to be decided; one more is answered 503 overloaded"`
	QueueAge      time.Duration `env:"QUEUE_AGE" help:"the longest a command waits to be decided; then it is answered 503 overloaded"`
	QueueDelay    time.Duration `env:"QUEUE_DELAY" help:"what commands may wait under a load that lasts; then some are answered 503 overloaded at once"`
	BatchMax      int           `env:"BATCH_MAX" help:"commands committed together"`
	CacheBytes    Bytes         `env:"CACHE_BYTES" help:"memory for accounts held between commands"`
	SnapshotEvery int           `env:"SNAPSHOT_EVERY" help:"events between two snapshots of an account; 0: none"`
	BulkTimeout   time.Duration `env:"BULK_TIMEOUT" help:"limit of a bulk request; what it has not come to by then is answered 503 overloaded"`
	BulkMax       int           `env:"BULK_MAX" help:"bulk requests at a time, of up to 8 MiB each; one more is answered 503 overloaded"`

	ApprovalThresholds Thresholds    `env:"APPROVAL_THRESHOLDS" help:"amounts above which a command needs a second person, in minor units by currency: EUR:1000000,JPY:1500000; none: no command does. The same for all instances"`
	ApprovalExpiry     time.Duration `env:"APPROVAL_EXPIRY" help:"how long a second person has to decide"`
}

// Payments is how payments out of the bank are carried through.
type Payments struct {
	PaymentProcess     Switch        `env:"PAYMENT_PROCESS" help:"on: this process may lead the work on payments, and on holds and approvals that expire; off: never"`
	PaymentConcurrency int           `env:"PAYMENT_CONCURRENCY" help:"payments that are worked on at once"`
	PaymentStuckAfter  int           `env:"PAYMENT_STUCK_AFTER" help:"attempts in vain, one after another, that make a payment stuck; 0: none do"`
	PaymentStatusEvery time.Duration `env:"PAYMENT_STATUS_EVERY" help:"between two questions for the status of a payment that the clearing house has"`
	PaymentBackoffMax  time.Duration `env:"PAYMENT_BACKOFF_MAX" help:"the longest break between two attempts in vain; the first is a second"`
	PaymentGrace       time.Duration `env:"PAYMENT_GRACE" help:"from a payment's deadline to its time-out, for an answer that is under way"`
	ClearingTimeout    time.Duration `env:"CLEARING_TIMEOUT" help:"limit of one request to the clearing house"`
	ClearingSubject    string        `env:"CLEARING_SUBJECT" help:"what the NATS subjects of the clearing house begin with; without NATS_URL there is none"`
}

func defaultLog() Log { return Log{LogFormat: FormatText} }

func defaultProcess(opsAddr string) Process {
	return Process{Log: defaultLog(), OpsAddr: opsAddr, ShutdownTimeout: 15 * time.Second}
}

func defaultDatabase(role string, conns int32) Database {
	return Database{DatabaseRole: role, DatabaseMaxConns: conns, Migrate: MigrateAuto}
}

func defaultNATS() NATS {
	return NATS{NATSStreamMaxBytes: 1 << 30, NATSStreamMaxAge: 7 * 24 * time.Hour}
}

func defaultAuth() Auth {
	return Auth{AuthAudience: "passbook", AuthAlgorithms: []string{"RS256", "ES256", "EdDSA"}, AuthClockSkew: 30 * time.Second, AuthKeysRefresh: 5 * time.Minute,
		AuthKeysStaleMax: time.Hour}
}

func defaultCommandAPI() CommandAPI {
	return CommandAPI{
		Process:  defaultProcess(":8090"),
		HTTP:     HTTP{HTTPAddr: ":8080", HTTPConnectionsMax: 4096, ProxyHeader: HeaderForwardedFor, AuditRate: 100},
		Database: defaultDatabase("passbook_command", 8),
		NATS:     defaultNATS(),
		Auth:     defaultAuth(),
		Command:  Command{Relay: true, Forward: true, QueueMax: 8192, QueueAge: 2 * time.Second, QueueDelay: 50 * time.Millisecond, BatchMax: 1024, CacheBytes: 256 << 20, SnapshotEvery: 200, BulkTimeout: time.Minute, BulkMax: 16, ApprovalExpiry: 72 * time.Hour},
		Payments: Payments{PaymentProcess: true, PaymentConcurrency: 32, PaymentStuckAfter: 8, PaymentStatusEvery: 30 * time.Second, PaymentBackoffMax: time.Minute,
			PaymentGrace: 10 * time.Second, ClearingTimeout: 5 * time.Second, ClearingSubject: "passbook.clearing"},
		WebhookAddresses: WebhookAddresses{allowNone}, WebhookSubscriptions: defaultWebhookSubscriptions(),
	}
}

func defaultQueryAPI() QueryAPI {
	return QueryAPI{
		Process:  defaultProcess(":8091"),
		HTTP:     HTTP{HTTPAddr: ":8081", HTTPConnectionsMax: 16_384, ProxyHeader: HeaderForwardedFor, AuditRate: 100},
		Database: defaultDatabase("passbook_query", 16),
		Auth:     defaultAuth(),
		Streams:  Streams{StreamHeartbeat: 15 * time.Second, StreamsMax: 10_000, StreamsOfCaller: 100, StreamQueue: 1_024},
	}
}

func defaultProjector() Projector {
	return Projector{
		Process:  defaultProcess(":8092"),
		Database: defaultDatabase("passbook_projector", 12),
		NATS:     defaultNATS(),
		Verify:   true, VerifyRate: 5_000,
		Projections: []string{"balances", "timeline", "owners", "holds", "payments", "approvals"},
		ParkedMax:   100, AuditRetention: 400 * 24 * time.Hour,
	}
}

func defaultOperator() Operator {
	return Operator{Log: defaultLog(), Database: defaultDatabase("passbook_projector", 4), NATS: defaultNATS(), Projections: defaultProjector().Projections,
		ParkedMax: defaultProjector().ParkedMax}
}

func defaultLogReader() LogReader { return LogReader{DatabaseRole: "passbook_query"} }

func defaultMigrator() Migrator { return Migrator{Log: defaultLog()} }
