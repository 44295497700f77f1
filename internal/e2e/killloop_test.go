package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"passbook/internal/embedded"
	"passbook/readmodel"
)

// Variables of this test: how many rounds, and the seed of their moments. A round takes some eight seconds.
const (
	killRounds = "PASSBOOK_TEST_KILL_ROUNDS"
	killSeed   = "PASSBOOK_TEST_SEED"
)

// Round after round, while the log grows, the active projector and NATS are killed without warning at random moments, and others
// take their place. After each round every row is right and nothing is parked.
func TestKillsUnderLoad(t *testing.T) {
	t.Parallel()
	rounds, seed := variable(t, killRounds, 2), uint64(variable(t, killSeed, int(time.Now().UnixNano()&0xffffff))) //nolint:gosec // small
	t.Logf("%s=%d %s=%d", killRounds, rounds, killSeed, seed)
	random := rand.New(rand.NewPCG(seed, 3))
	broker := startBroker(t)
	p := newProjectors(t, seed, broker.url)
	p.relay()
	running := map[int]*process{}
	for range 2 {
		one := p.start()
		running[one.cmd.Process.Pid] = one
	}
	for round := range rounds {
		stop := p.writeOn()
		moment(random)
		if random.IntN(2) == 0 {
			broker.kill()
			moment(random)
		}
		victim := p.holder("projection/" + []string{readmodel.Balances, readmodel.Timeline}[round%2])
		running[victim].kill()
		delete(running, victim)
		moment(random)
		broker.kill() // again, or for the first time
		broker.start()
		one := p.start()
		running[one.cmd.Process.Pid] = one
		moment(random)
		head := stop()
		p.untilApplied(head)
		p.verify(head)
		p.nothingParked()
		t.Logf("round %d: projector %d and NATS killed, verified to event %d", round+1, victim, head)
	}
}

func variable(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// moment waits for up to a third of a second.
func moment(random *rand.Rand) { <-time.After(time.Duration(random.IntN(333)) * time.Millisecond) }

// writeOn has the log grow, some thousand events a second, until stop, which returns the head.
func (p *projectors) writeOn() (stop func() (head int64)) {
	p.t.Helper()
	var writing sync.WaitGroup
	done := make(chan struct{})
	writing.Go(func() {
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for {
			p.write(100)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() int64 {
		close(done)
		writing.Wait()
		return p.customers.Head().Position
	}
}

var holderPID = regexp.MustCompile(`^projector/[^/]*/(\d+)/`)

// holder is the process that has a lease.
func (p *projectors) holder(lease string) (pid int) {
	p.t.Helper()
	p.within("somebody has "+lease, func() bool {
		var holder string
		_ = p.admin.QueryRow(p.t.Context(), `SELECT holder FROM leases WHERE name = $1 AND expires_at > now()`, lease).Scan(&holder)
		if found := holderPID.FindStringSubmatch(holder); found != nil {
			pid, _ = strconv.Atoi(found[1]) // digits
		}
		return pid > 0
	})
	return pid
}

func (p *projectors) nothingParked() {
	p.t.Helper()
	list, err := readmodel.ListParked(p.t.Context(), p.admin, "", [16]byte{})
	if err != nil || len(list) > 0 {
		p.t.Errorf("parked: %+v, %v", list, err)
	}
}

// relay starts the process that carries the log to NATS.
func (p *projectors) relay() {
	p.t.Helper()
	issuer := start(p.t, "passbook", nil, "issuer", "--state", stateDir(p.t), "--addr", "127.0.0.1:0")
	address := issuer.await(`listening.*address=(\S+)`)[1]
	api := start(p.t, "command-api", append([]string{"HTTP_ADDR=127.0.0.1:0", "AUTH_ISSUER=http://passbook.local/issuer",
		"AUTH_DISCOVERY_URL=http://" + address + "/issuer"}, p.environ...))
	api.await(`listening.*service=command-api`)
}

// brokerDir and brokerPort are set in the environment of a process of this test that is to be NATS until it is killed.
const (
	brokerDir  = "PASSBOOK_TEST_BROKER_DIR"
	brokerPort = "PASSBOOK_TEST_BROKER_PORT"
)

// broker is NATS as a process of its own, which can be killed.
type broker struct {
	t       *testing.T
	url     string
	dir     string
	port    int
	process *exec.Cmd
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, dir: t.TempDir(), port: free.Addr().(*net.TCPAddr).Port}
	_ = free.Close()
	b.start()
	t.Cleanup(b.kill)
	return b
}

// start returns when clients can connect; the address stays the same.
func (b *broker) start() {
	b.t.Helper()
	b.process = exec.Command(os.Args[0])
	b.process.Env = append(os.Environ(), brokerDir+"="+b.dir, fmt.Sprintf("%s=%d", brokerPort, b.port))
	b.process.Stderr = b.t.Output()
	out, err := b.process.StdoutPipe()
	if err == nil {
		err = b.process.Start()
	}
	if err == nil {
		_, err = fmt.Fscanln(out, &b.url)
	}
	if err != nil {
		b.t.Fatalf("start NATS: %v", err)
	}
}

func (b *broker) kill() {
	if b.process != nil {
		_ = b.process.Process.Kill()
		_ = b.process.Wait() // it was killed
		b.process = nil
	}
}

// beBroker is the main of such a process.
func beBroker(dir, port string) int {
	n, err := strconv.Atoi(port)
	if err == nil {
		var nats *embedded.NATS
		if nats, err = embedded.StartNATS(context.Background(), embedded.NATSConfig{StateDir: dir, Port: n}); err == nil {
			fmt.Println(nats.URL())
			select {}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
