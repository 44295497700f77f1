package archtest

// Rules is everything Check holds a module to. Packages are named relative to the module ("domain/account"); a pattern
// that ends in "/..." means the package and all below it; "internal/nats*" means every package whose path starts so.
type Rules struct {
	Arrows   []Arrow
	Joins    []Join
	Calls    []Call
	MaxLines int // of a hand-written file
}

// Arrow limits what a set of packages may import.
type Arrow struct {
	From   []string // the packages held to it; empty means all
	Except []string // packages let off
	Never  []string // imports refused: full import paths; "passbook/..." names our own
	Only   []string // when set: nothing but the standard library and these
	Files  scope
	Why    string
}

// Join names two imports that only the listed packages may have together.
type Join struct {
	Both [2]string
	In   []string
	Why  string
}

// Call forbids a function of a package ("time.Sleep"), or a method by name ("*.Skip").
type Call struct {
	Functions []string
	In        []string // packages held to it; empty means all
	Except    []string
	Files     scope
	Why       string
}

// scope says which files of a package a rule is about.
type scope int

const (
	production scope = iota
	tests
	everyFile
)

const (
	pgx  = "github.com/jackc/pgx/..."
	nats = "github.com/nats-io/..."
	echo = "github.com/labstack/echo/..."
)

// testKits exist for tests alone; they may do what tests may do.
var testKits = []string{
	"internal/pgtest", "internal/natstest", "internal/faultproxy", "internal/archtest", "internal/e2e/...", "internal/apifuzz", "internal/firstlog", "internal/casetest", "internal/certtest",
	"internal/banktest", "eventstore/storetest", "domain/internal/domaintest",
}

// Passbook is what this repository is held to.
var Passbook = Rules{
	MaxLines: 400,
	Arrows: []Arrow{
		{
			From: []string{"domain/..."},
			Only: []string{"github.com/google/uuid", "passbook/domain/..."},
			Why:  "the domain is pure: what it decides can be tested and replayed without a database, a clock or a network",
		},
		{
			From:  []string{"domain/..."},
			Only:  []string{"github.com/google/uuid", "passbook/domain/...", "pgregory.net/rapid"},
			Files: tests,
			Why:   "the domain's tests need nothing but the domain and random input",
		},
		{
			From:   []string{"domain/..."},
			Except: []string{"domain/internal/domaintest"},
			Never:  []string{"os", "net/...", "database/...", "log/...", "math/rand/...", "crypto/rand", "context"},
			Why:    "the domain does no I/O and draws no randomness: the same history always folds to the same state",
		},
		{
			From:  []string{"eventstore/..."},
			Never: []string{"passbook/domain/...", "passbook/command/...", "passbook/readmodel/...", "passbook/httpapi/..."},
			Files: everyFile,
			Why:   "the log keeps any stream's events without knowing what they mean",
		},
		{
			From:  []string{"readmodel/...", "httpapi/queryapi/...", "httpapi/dashboard/..."},
			Never: []string{"passbook/command/..."},
			Why:   "the read side must not be able to write",
		},
		{
			From:  []string{"command/..."},
			Never: []string{"passbook/readmodel/...", "passbook/httpapi/..."},
			Why:   "a decision rests on the log, never on a read model that may lag behind it",
		},
		{
			From:  []string{"readmodel/..."},
			Never: []string{"passbook/httpapi/..."},
			Why:   "a read model does not know who asks",
		},
		{
			From:  []string{"domain/...", "command/...", "httpapi/..."},
			Never: []string{pgx},
			Why:   "SQL and its errors stay behind the store and the read models",
		},
		{
			Except: []string{"eventstore/relay", "readmodel/feed", "command/forward", "internal/nats*", "internal/embedded"},
			Never:  []string{nats},
			Why:    "NATS is a transport that may lose everything: only the ends know it, of the events and of commands sent on to the decider",
		},
		{
			From:  []string{"process/..."},
			Never: []string{"passbook/readmodel/...", "passbook/httpapi/..."},
			Why:   "what is done for a payment rests on the log and is asked for by commands, whatever readers see",
		},
		{
			From:  []string{"domain/...", "eventstore/...", "command/...", "readmodel/...", "httpapi/..."},
			Never: []string{"passbook/process"},
			Why:   "the process is one more caller of the bank: nothing leans on it",
		},
		{
			From:  []string{"webhook/..."},
			Never: []string{"passbook/command/...", "passbook/domain/...", "passbook/eventstore/...", "passbook/httpapi/...", "passbook/process/..."},
			Why:   "subscribers are told what readers see; what tells them gives no commands and does not know how it is asked",
		},
		{
			From:  []string{"webhook"},
			Never: []string{"passbook/readmodel/..."},
			Why:   "the command API keeps subscriptions, and must not come to lean on a read model",
		},
		{
			From:  []string{"domain/...", "eventstore/...", "command/...", "readmodel/...", "httpapi/...", "process/..."},
			Never: []string{"passbook/webhook/delivery/..."},
			Why:   "who delivers makes requests to strangers: it runs in a process of its own, and nothing leans on it",
		},
		{
			From:  []string{"internal/clearing", "internal/natsclearing"},
			Never: []string{"passbook/eventstore/...", "passbook/command/...", "passbook/process/...", "passbook/readmodel/...", "passbook/httpapi/..."},
			Why:   "the clearing house is another institution: it knows of a payment what it is told",
		},
		{
			Except: []string{"httpapi/..."},
			Never:  []string{echo},
			Why:    "the HTTP framework lives in httpapi and nowhere else",
		},
		{
			Except: []string{"cmd/..."},
			Never:  []string{"passbook/cmd/..."},
			Files:  everyFile,
			Why:    "commands are wiring: what others need belongs in a package",
		},
		{
			From: []string{
				"internal/pgkit", "internal/natskit", "internal/embedded", "internal/lease", "internal/supervise",
				"internal/telemetry", "internal/config", "internal/pgtest", "internal/natstest",
			},
			Never: []string{
				"passbook/domain/...", "passbook/eventstore/...", "passbook/command/...", "passbook/readmodel/...", "passbook/httpapi/...",
			},
			Why: "a kit that knows the bank can no longer be used by all of it",
		},
		{
			From:  []string{"client"},
			Never: []string{"passbook/..."},
			Why:   "a client is of use to others only as it is, without the rest of the bank",
		},
		{
			From:  []string{"internal/importer", "internal/demo"},
			Never: []string{"passbook/eventstore/...", "passbook/command/...", "passbook/readmodel/...", "passbook/httpapi/..."},
			Why:   "a client knows the bank through its HTTP interface only; otherwise it proves nothing about it",
		},
		{
			Except: testKits,
			Never: []string{
				"testing", "passbook/internal/pgtest", "passbook/internal/natstest", "passbook/internal/faultproxy", "passbook/internal/archtest",
				"passbook/internal/firstlog", "passbook/internal/casetest", "passbook/internal/certtest", "passbook/internal/banktest", "passbook/eventstore/storetest",
			},
			Why: "test kits do not ship",
		},
	},
	Joins: []Join{
		{
			Both: [2]string{"passbook/domain/account", "passbook/eventstore"},
			In: []string{
				"command", "process", "readmodel/...", "internal/eventcodec", "internal/decodelog", "internal/replay", "internal/casefile",
				"internal/casetest", "internal/auditor", "internal/e2e/...", "cmd/...",
			},
			Why: "on the write side only command joins the domain to the log; readers, and the process that follows it, decode what was stored",
		},
	},
	Calls: []Call{
		{
			Functions: []string{"time.Now", "time.Since", "uuid.New", "uuid.NewV7", "uuid.NewRandom", "uuid.NewUUID", "uuid.NewString"},
			In:        []string{"domain/..."},
			Why:       "time and ids arrive in the command",
		},
		{
			Functions: []string{"time.Sleep"},
			Files:     tests,
			Why:       "wait on a signal, poll against a deadline, or use testing/synctest: a sleep is too short or too long",
		},
		{
			Functions: []string{"*.Skip", "*.Skipf", "*.SkipNow"},
			Files:     tests,
			Why:       "a test that cannot run must fail, or nobody notices that it never runs",
		},
		{
			Functions: []string{"*.Skip", "*.Skipf", "*.SkipNow", "time.Sleep"},
			In:        testKits,
			Why:       "a test kit that skips or sleeps does so in every test that uses it",
		},
		{
			Functions: []string{"context.Background", "context.TODO"},
			Except:    append([]string{"cmd/..."}, testKits...),
			Why:       "the context comes from the caller; clean-up after its end uses context.WithoutCancel",
		},
	},
}
