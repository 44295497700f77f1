package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passbook/internal/auditor"
	"passbook/internal/embedded"
	"passbook/internal/eventcodec"
	"passbook/internal/pgkit"
)

// bank is a running `passbook up`.
type bank struct {
	*process
	state                        string
	commandURL, queryURL, opsURL string
}

// up starts a whole bank in the state directory, on free ports.
func up(t *testing.T, state string, args ...string) *bank {
	t.Helper()
	return upIn(t, nil, state, args...)
}

// upIn is up with an environment.
func upIn(t *testing.T, environ []string, state string, args ...string) *bank {
	t.Helper()
	args = append([]string{"up", "--state", state, "--command-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0"}, args...)
	b := &bank{process: start(t, "passbook", environ, args...), state: state}
	b.await(`In another terminal`)
	b.commandURL, b.queryURL = b.await(`command API\s+(\S+)`)[1], b.await(`query API\s+(\S+)`)[1]
	b.opsURL = b.await(`operations\s+(\S+)/readyz`)[1]
	return b
}

// clientArgs address a client command to the bank.
func (b *bank) clientArgs(command string, args ...string) []string {
	return append([]string{command, "--state", b.state, "--command-url", checked(b.t, b.commandURL), "--query-url", checked(b.t, b.queryURL)}, args...)
}

func (b *bank) startImport(file string, args ...string) *process {
	return start(b.t, "passbook", nil, b.clientArgs("import", append([]string{"--file", file}, args...)...)...)
}

// importAll imports the file, verifies it, and returns how many rows were new and how many replayed.
func (b *bank) importAll(file string) (fresh, replayed int) {
	b.t.Helper()
	p := b.startImport(file, "--verify")
	if code := p.exit(); code != 0 {
		b.t.Fatalf("import --verify exits with %d:\n%s", code, p.tail())
	}
	p.await(`no difference`)
	m := p.await(`([\d,]+) new, ([\d,]+) replayed, 0 refused`)
	return number(m[1]), number(m[2])
}

// caughtUp returns when every projection has reached the end of the log.
func caughtUp(t *testing.T, queryURL, state string) {
	t.Helper()
	token := output(t, "passbook", "token", "--state", state)
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if lagOf(t, queryURL, token) == 0 {
			return
		}
	}
	t.Fatal("the projections do not reach the end of the log")
}

// lagOf is how many events the projections are behind, all together.
func lagOf(t *testing.T, queryURL, token string) (events int64) {
	t.Helper()
	list, err := clientOf(t, "", queryURL, token).ListProjections(t.Context())
	if err != nil || len(list.Data) == 0 {
		t.Fatalf("projections: %v", err)
	}
	for _, p := range list.Data {
		events += p.LagEvents
	}
	return events
}

// stop stops the bank when its read models are complete.
func (b *bank) stop() {
	b.t.Helper()
	caughtUp(b.t, b.queryURL, b.state)
	b.process.stop()
}

var commas = regexp.MustCompile(",")

func number(grouped string) int {
	n, err := strconv.Atoi(commas.ReplaceAllString(grouped, ""))
	if err != nil {
		panic(err) // the pattern matched digits
	}
	return n
}

// audit proves log and read models of a stopped bank.
func audit(t *testing.T, state string) (report auditor.Report) {
	t.Helper()
	withPostgres(t, state, func(databaseURL string) { report = verify(t, databaseURL) })
	return report
}

// verify proves log and read models, and that the projections reached the end of the log.
func verify(t *testing.T, databaseURL string) auditor.Report {
	t.Helper()
	pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: databaseURL, Role: "passbook_projector"})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	report, err := auditor.Verify(t.Context(), pool, codec, auditor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Errorf("the auditor finds %d differences: %v", report.DifferencesTotal, report.Differences)
	}
	for _, p := range report.Projections {
		if p.Position != report.Head {
			t.Errorf("%s is at %d, the log at %d", p.Name, p.Position, report.Head)
		}
	}
	return report
}

// A whole bank is killed in the middle of an import, again and again. What was acknowledged is there, nothing twice.
func TestKillOfTheWholeBankDuringAnImport(t *testing.T) {
	t.Parallel()
	const accounts, rows = 60, 100
	state, file := stateDir(t), statement(t, "kill", accounts, rows)
	for _, percent := range []string{"10", "50"} {
		b := up(t, state)
		importing := b.startImport(file)
		importing.await(`\(` + percent + ` %\)`)
		b.kill()
		importing.kill()
	}
	b := up(t, state)
	fresh, replayed := b.importAll(file)
	if fresh+replayed != accounts*rows || replayed < accounts*rows/2 || fresh == 0 {
		t.Errorf("%d rows are new, %d replayed, of %d", fresh, replayed, accounts*rows)
	}
	if fresh, replayed = b.importAll(file); fresh != 0 || replayed != accounts*rows {
		t.Errorf("the second time %d rows are new, %d replayed", fresh, replayed)
	}
	b.stop()
	if report := audit(t, state); report.Events != accounts*(rows+1) || report.Accounts != accounts {
		t.Errorf("the log has %d events of %d accounts", report.Events, report.Accounts)
	}
}

// NATS loses everything, stopped and running, and the read models are lost, too: they end equal to the log.
func TestNATSAndReadModelsAreLost(t *testing.T) {
	t.Parallel()
	const accounts, rows = 20, 50
	state := stateDir(t)
	b := up(t, state)
	b.importAll(statement(t, "first", accounts, rows))
	b.stop()
	if err := os.RemoveAll(filepath.Join(state, "jetstream")); err != nil {
		t.Fatal(err)
	}
	loseReadModels(t, state)

	b = up(t, state, "--nats-port=-1")
	second := statement(t, "second", accounts, rows)
	importing := b.startImport(second)
	importing.await(`\(30 %\)`)
	purge(t, b.await(`NATS\s+(nats://\S+)`)[1])
	if code := importing.exit(); code != 0 {
		t.Errorf("the import exits with %d", code)
	}
	b.importAll(second)
	b.stop()
	if report := audit(t, state); report.Events != 2*accounts*(rows+1) {
		t.Errorf("the log has %d events", report.Events)
	}
}

// withPostgres starts the stopped bank's Postgres alone.
func withPostgres(t *testing.T, state string, use func(databaseURL string)) {
	t.Helper()
	pg, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{StateDir: state, Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pg.Stop(context.WithoutCancel(t.Context())) }()
	use(pg.URL("postgres"))
}

// loseReadModels does what docs/operations.md says of damaged read models.
func loseReadModels(t *testing.T, state string) {
	t.Helper()
	withPostgres(t, state, func(databaseURL string) {
		pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: databaseURL})
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		if _, err := pool.Exec(t.Context(), `TRUNCATE readmodel.balances, readmodel.timeline; UPDATE readmodel.checkpoints SET position = 0`); err != nil {
			t.Fatal(err)
		}
	})
}

func purge(t *testing.T, url string) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, "PASSBOOK")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(ctx); err != nil {
		t.Fatal(err)
	}
}
