package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
)

func TestDataOutlivesTheServer(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	first := start(t, PostgresConfig{StateDir: dir, Durable: true})
	keep(t, first)
	client, err := pgx.Connect(t.Context(), first.URL("postgres")) // must not hold the shutdown up
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close(context.Background()) }()
	stop(t, first)
	select {
	case <-first.Done():
	default:
		t.Error("stopped, but not done")
	}
	if err := first.Err(); err != nil {
		t.Errorf("a clean stop says %v", err)
	}
	checkUnlocked(t, dir)

	checkKept(t, start(t, PostgresConfig{StateDir: dir, Durable: true}))
}

func TestASecondServerOnTheSameStateIsRefused(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	first := start(t, PostgresConfig{StateDir: dir})
	_, err := StartPostgres(t.Context(), PostgresConfig{StateDir: dir})
	if !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v, want ErrInUse", err)
	}
	if holder := fmt.Sprint("process ", os.Getpid()); !strings.Contains(err.Error(), holder) {
		t.Errorf("%q does not name the holder, %s", err, holder)
	}
	if got := query(t, first.URL("postgres"), "SELECT 'alive'"); got != "alive" {
		t.Errorf("the first server answers %q", got)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	durable := start(t, PostgresConfig{StateDir: stateDir(t), Durable: true, Settings: map[string]string{"max_connections": "17"}})
	throwAway := start(t, PostgresConfig{StateDir: stateDir(t)})
	for _, c := range []struct {
		server        *Postgres
		setting, want string
	}{
		{durable, "fsync", "on"},
		{durable, "synchronous_commit", "on"},
		{durable, "full_page_writes", "on"},
		{durable, "data_checksums", "on"},
		{durable, "max_connections", "17"},
		{durable, "listen_addresses", ""},
		{durable, "server_encoding", "UTF8"},
		{durable, "lc_collate", "C"},
		{throwAway, "fsync", "off"},
		{throwAway, "max_connections", "200"},
	} {
		// lc_collate is a column, not a setting, from Postgres 16 on.
		sql := "SELECT current_setting('" + c.setting + "')"
		if c.setting == "lc_collate" {
			sql = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
		}
		if got := query(t, c.server.URL("postgres"), sql); got != c.want {
			t.Errorf("durable %v: %s = %q, want %q", c.server.cfg.Durable, c.setting, got, c.want)
		}
	}
}

func TestWhatASocketOnlyServerExposes(t *testing.T) {
	t.Parallel()
	p := start(t, PostgresConfig{StateDir: stateDir(t)})
	if p.TCPURL("postgres") != "" {
		t.Errorf("TCPURL is %q without a port", p.TCPURL("postgres"))
	}
	for _, dir := range []string{p.socketDir, p.dataDir()} {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o700 {
			t.Errorf("%s has mode %04o", dir, mode)
		}
	}
}

func TestAPortAsksForThePassword(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := start(t, PostgresConfig{StateDir: stateDir(t), Port: port})
	if got := query(t, p.TCPURL("postgres"), "SELECT host(inet_server_addr())"); got != "127.0.0.1" {
		t.Errorf("connected to %s", got)
	}
	if got := query(t, p.URL("postgres"), "SELECT current_setting('listen_addresses')"); got != "127.0.0.1" {
		t.Errorf("listens on %q", got)
	}
	wrong, err := url.Parse(p.TCPURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword("postgres", "guess")
	_, err = tryQuery(t, wrong.String(), "SELECT 'in'")
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Errorf("a wrong password gave %v, want invalid_password", err)
	}
}

func TestAPortThatIsTakenFailsTheStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	dir := stateDir(t)
	_, err = StartPostgres(t.Context(), PostgresConfig{StateDir: dir, Port: taken.Addr().(*net.TCPAddr).Port})
	if err == nil {
		t.Fatal("started on a port that is taken")
	}
	if !strings.Contains(err.Error(), "could not bind") {
		t.Errorf("%q does not pass on what the server's log says", err)
	}
	checkUnlocked(t, dir)
}

func TestALongStatePathStillHasASocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(stateDir(t), strings.Repeat("long", 30))
	p := start(t, PostgresConfig{StateDir: dir})
	if got := query(t, p.URL("postgres"), "SELECT 'alive'"); got != "alive" {
		t.Errorf("the server answers %q", got)
	}
	stop(t, p)
	if _, err := os.Stat(p.socketDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket directory %s outlived the server: %v", p.socketDir, err)
	}
}

func TestAnOddStatePathStillHasASocket(t *testing.T) {
	t.Parallel()
	p := start(t, PostgresConfig{StateDir: filepath.Join(stateDir(t), `a b, c+d 'e' "f"`)})
	if got := query(t, p.URL("postgres"), "SELECT 'alive'"); got != "alive" {
		t.Errorf("the server answers %q", got)
	}
}

func TestAnImpatientStopLosesNoCommit(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	first := start(t, PostgresConfig{StateDir: dir, Durable: true})
	keep(t, first)
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Stop(impatient); err != nil {
		t.Fatal(err)
	}
	checkKept(t, start(t, PostgresConfig{StateDir: dir, Durable: true}))
}

func TestAServerThatDiesSaysSoAndStartsAgain(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	first := start(t, PostgresConfig{StateDir: dir, Durable: true})
	keep(t, first)
	first.server.signal(syscall.SIGKILL)
	awaitDone(t, first, "the server to be gone")
	if first.Err() == nil {
		t.Error("killed, but Err is nil")
	}
	stop(t, first)
	checkKept(t, start(t, PostgresConfig{StateDir: dir, Durable: true}))
}

func TestAStartThatIsCalledOffLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := StartPostgres(ctx, PostgresConfig{StateDir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	checkUnlocked(t, dir)
	start(t, PostgresConfig{StateDir: dir})
}

func TestAnInterruptedInitdbIsNoCluster(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	draft := filepath.Join(dir, "pg15.init-123")
	if err := os.MkdirAll(filepath.Join(draft, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, PostgresConfig{StateDir: dir})
	if _, err := os.Stat(draft); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the draft is still there: %v", err)
	}
}

func TestDataOfAnotherMajorIsNotPassedOver(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	if err := os.Mkdir(filepath.Join(dir, "pg99"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := StartPostgres(t.Context(), PostgresConfig{StateDir: dir})
	if err == nil || !strings.Contains(err.Error(), "Postgres 99") {
		t.Errorf("got %v, want an error naming Postgres 99", err)
	}
	checkUnlocked(t, dir)
}

// The server of a process that was killed ends by itself or is ended by the next start; either way the data is there.
func TestKillingTheOwnerLeavesAStateThatStarts(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	keepAndStop(t, dir)
	server := killOwner(t, dir)

	again := start(t, PostgresConfig{StateDir: dir, Durable: true})
	checkKept(t, again)
	if running, err := runsIn(server, again.dataDir()); running || err != nil {
		t.Errorf("the old server still runs: %v, %v", running, err)
	}
}

// killOwner runs a server from another process, kills that process with no chance to clean up, and returns the server's pid.
func killOwner(t *testing.T, dir string) int {
	t.Helper()
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), helperEnv+"="+dir)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	server := readPID(t, out)
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // killed
	return server
}

func keepAndStop(t *testing.T, dir string) {
	t.Helper()
	p := start(t, PostgresConfig{StateDir: dir, Durable: true})
	keep(t, p)
	stop(t, p)
}

func readPID(t *testing.T, out io.Reader) int {
	t.Helper()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the owner says %q", line)
	}
	return pid
}

func TestALeftoverServerIsEnded(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	orphan := start(t, PostgresConfig{StateDir: dir, Durable: true})
	keep(t, orphan)
	orphan.lock.unlock() // as the end of its owner would

	checkKept(t, start(t, PostgresConfig{StateDir: dir, Durable: true}))
	awaitDone(t, orphan, "the leftover to be ended")
}

// The pid that a dead server noted belongs to somebody else, of the same user even, for whom Postgres would refuse to start.
func TestAReusedPIDIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	first := start(t, PostgresConfig{StateDir: dir, Durable: true})
	keep(t, first)
	note, err := os.ReadFile(filepath.Join(first.dataDir(), pidFileName))
	if err != nil {
		t.Fatal(err)
	}
	stop(t, first)
	bystander := startBystander(t, first.account)
	_, rest, _ := strings.Cut(string(note), "\n")
	forged := filepath.Join(first.dataDir(), pidFileName)
	if err := os.WriteFile(forged, []byte(fmt.Sprintf("%d\n%s", bystander.pid(), rest)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := first.account.own(forged); err != nil {
		t.Fatal(err)
	}

	checkKept(t, start(t, PostgresConfig{StateDir: dir, Durable: true}))
	select {
	case <-bystander.done:
		t.Error("the process that has the pid now was ended")
	default:
	}
}

// startBystander runs a process of the server's user that waits for its input to end.
func startBystander(t *testing.T, as account) *child {
	t.Helper()
	cmd := exec.Command("/bin/cat")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = detached(as)
	cmd.Dir = "/"
	c, err := startChild(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = input.Close(); <-c.done })
	return c
}

func TestAServerLeavesNoGoroutines(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := start(t, PostgresConfig{StateDir: stateDir(t)})
	stop(t, p)
	goleak.VerifyNone(t, before)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
