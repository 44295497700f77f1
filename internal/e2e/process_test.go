package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"passbook/client"
	"passbook/httpapi/httpapitest"
	"passbook/internal/pgtest"
)

// patience bounds every wait for something that must happen; the machine may be busy.
const patience = 90 * time.Second

// bin is where the binaries under test are.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if dir := os.Getenv(brokerDir); dir != "" {
		return beBroker(dir, os.Getenv(brokerPort))
	}
	dir, err := os.MkdirTemp("", "passbook-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	build := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/", "passbook/cmd/...")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		return 1
	}
	http.DefaultClient.Transport = held
	code := max(pgtest.Run(m), differences.report())
	fmt.Println(held.Judged(), "answers were held to the documents")
	return code
}

// differences are those between the bank's answers and its documents. Held to them is what the tests ask over http.DefaultClient, and
// what programs of the bank's own ask over checked or a balancer.
var (
	differences = &tally{}
	held        = httpapitest.NewTransport(http.DefaultTransport, differences.add)
)

type tally struct {
	mu    sync.Mutex
	found []string
}

func (d *tally) add(req *http.Request, fault string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found = append(d.found, fmt.Sprintf("%s %s: %s", req.Method, req.URL, fault))
}

// report returns the exit code.
func (d *tally) report() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, fault := range d.found[:min(len(d.found), 20)] {
		fmt.Fprintln(os.Stderr, "FAIL: an answer is not as documented:", fault)
	}
	return min(len(d.found), 1)
}

// checked returns an address that leads to the API at the other one, where the answers to programs of the bank's own are held to the
// documents. While the API is away it answers 502, as a proxy does.
func checked(t *testing.T, address string) string {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = held
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// clientOf speaks to a bank whose processes may die meanwhile. Its answers are held to the documents.
func clientOf(t *testing.T, commandURL, queryURL, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{
		CommandURL: commandURL, QueryURL: queryURL, Token: client.StaticToken(strings.TrimSpace(token)),
		HTTP: &http.Client{Transport: held}, Retry: client.Retry{Patience: patience, WaitMin: 10 * time.Millisecond, WaitMax: 100 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// process is one binary running.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	done chan struct{}

	mu      sync.Mutex
	output  bytes.Buffer
	changed chan struct{} // closed at the next output
}

// Write collects the process's output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.output.Write(b)
	close(p.changed)
	p.changed = make(chan struct{})
	return len(b), nil
}

// start runs a binary with exactly this environment. It is killed at the end of the test if it still runs.
func start(t *testing.T, name string, environ []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, done: make(chan struct{}), changed: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(bin, name), args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, environ...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // its state is asked for where it matters
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, p.tail())
		}
	})
	return p
}

// said is all that it has written.
func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

func (p *process) tail() string {
	lines := strings.Split(p.said(), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// kill is kill -9. It returns when the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// await returns the submatches of the pattern once the output has it.
func (p *process) await(pattern string) []string {
	p.t.Helper()
	re, late := regexp.MustCompile(pattern), time.After(patience)
	for {
		p.mu.Lock()
		found, changed := re.FindStringSubmatch(p.output.String()), p.changed
		p.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-changed:
		case <-p.done:
			p.t.Fatalf("%s ended (%s) without %q", p.name, p.cmd.ProcessState, pattern)
		case <-late:
			p.t.Fatalf("%s does not say %q", p.name, pattern)
		}
	}
}

// exit waits for the process to end by itself and returns its code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("%s does not end", p.name)
		return -1
	}
}

// stop asks the process to end, as Ctrl-C does, and expects that it does so cleanly.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		p.t.Errorf("%s stopped with %d", p.name, code)
	}
}

// output runs a binary to its end, expects success and returns its standard output.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return strings.TrimSpace(string(out))
}

// stateDir is a directory for a bank's state that the private Postgres can enter, whoever it runs as.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "passbook-state")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
