package readmodel_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/eventstore"
	"passbook/internal/eventcodec"
	"passbook/internal/pgkit"
	"passbook/readmodel"
	"passbook/readmodel/readmodeltest"
)

// childURL is set in the environment of a process of this test that is to follow the log of that database, until it is killed.
const childURL = "PASSBOOK_TEST_FOLLOW"

// An event that kills the process which applies it, the whole of it and without a word, is found and parked: the processes that
// come after do not all die of it. Nothing else is parked, and everything else is applied.
func TestAnEventThatKillsIsParked(t *testing.T) {
	t.Parallel()
	b := newBank(t, 61)
	b.write(300)
	victim := b.customers.Accounts()[0].ID
	position := b.poison(victim)
	head := b.write(700)
	const deathsMax = 20 // the two projections die apart, some six times each
	deaths := 0
	for alive := false; !alive; {
		child := b.follow()
		select {
		case <-child.ended:
			if deaths++; deaths > deathsMax {
				t.Fatalf("%d processes have died of event %d:\n%s", deaths, position, child.output.String())
			}
		case <-b.untilBothReach(head, child.ended):
			alive = true
			child.kill()
		}
	}
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		p := b.parked(name)
		if len(p) != 1 || p[0].AccountID != victim || p[0].Position != position || p[0].Class != readmodel.ClassKilled {
			t.Errorf("%s: %+v", name, p)
		}
	}
	b.verify(head)
	t.Logf("%d processes died", deaths)

	// The code that it killed leaves it alone; other code tries it.
	child := b.follow()
	head = b.write(100)
	b.untilApplied(head)
	select {
	case <-child.ended:
		t.Errorf("tried again by the code that it killed:\n%s", child.output.String())
	default:
	}
	child.kill()
	config := testConfig()
	config.Build = "the fix"
	parts := b.parts(nil)
	parts.Decoder = fixedDecoder{b}
	b.run(b.engine(parts, config).Run)
	b.untilParked(readmodel.Balances, 0)
	b.untilParked(readmodel.Timeline, 0)
	b.verifyWith(head, fixedDecoder{b})
}

// A retry that kills its process is counted, too.
func TestARetryThatKillsIsNotRepeated(t *testing.T) {
	t.Parallel()
	b := newBank(t, 62)
	b.write(300)
	victim := b.customers.Accounts()[0].ID
	b.poison(victim)
	stop := b.run(b.engine(b.parts(nil), testConfig()).Run) // it cannot be read: so it is parked without any harm
	head := b.write(100)
	b.untilApplied(head)
	stop()
	for deaths := 0; ; deaths++ {
		if deaths > 4 {
			t.Fatal("the retry kills one process after the other")
		}
		child := b.follow()
		head = b.write(10)
		select {
		case <-child.ended:
			continue
		case <-b.untilBothReach(head, child.ended):
		}
		child.kill()
		break
	}
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		if p := b.parked(name); len(p) != 1 || p[0].Class != readmodel.ClassKilled || p[0].Attempts < 2 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// A process that is killed from outside again and again, always in its first transaction, parks nothing.
func TestAnInnocentEventIsNotParked(t *testing.T) {
	t.Parallel()
	b := newBank(t, 63)
	head := b.write(2_000)
	for range 4 {
		release := b.hold(`LOCK TABLE readmodel.balances, readmodel.timeline IN ACCESS EXCLUSIVE MODE`)
		child := b.follow()
		b.untilSession("child", `wait_event_type = 'Lock'`)
		child.kill()
		release()
	}
	b.follow()
	b.untilApplied(head)
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		if p := b.parked(name); len(p) != 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	b.verify(head)
}

type child struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	output bytes.Buffer
}

func (c *child) kill() { _ = c.cmd.Process.Kill(); <-c.ended }

// follow starts a process that follows the log with code that an event can kill.
func (b *bank) follow() *child {
	b.t.Helper()
	c := &child{cmd: exec.Command(os.Args[0]), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), childURL+"="+b.db.URL)
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	if err := c.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() { defer close(c.ended); _ = c.cmd.Wait() }()
	b.t.Cleanup(c.kill)
	return c
}

// untilBothReach closes what it returns when both projections have reached the position; it gives up when the process has ended.
func (b *bank) untilBothReach(position int64, ended <-chan struct{}) <-chan struct{} {
	reached := make(chan struct{})
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	go func() { <-ended; cancel() }()
	go func() {
		defer cancel()
		if _, err := b.queries.WaitFor(ctx, position); err == nil {
			close(reached)
		}
	}()
	return reached
}

// childLease is short: whoever comes after one that was killed waits for it to run out.
const childLease = 500 * time.Millisecond

// followUntilKilled is the child's main.
func followUntilKilled(url string) int {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	codec, err := eventcodec.New()
	if err == nil {
		pool, openErr := pgkit.Open(ctx, pgkit.Config{URL: url, Role: "passbook_projector", ApplicationName: "child"})
		if err = openErr; err == nil {
			config := testConfig()
			config.Holder, config.LeaseTTL, config.Build = uuid.NewString(), childLease, "the build that dies"
			engine, engineErr := readmodel.NewEngine(readmodel.Parts{
				Pool: pool, Log: eventstore.New(pool), Decoder: deadlyDecoder{codec}, Projectors: readmodel.Projectors(), Logger: log,
				Registry: prometheus.NewRegistry(),
			}, config)
			if err = engineErr; err == nil {
				err = engine.Run(ctx)
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// deadlyDecoder dies as by want of memory: at once, with all of the process.
type deadlyDecoder struct{ readmodel.Decoder }

func (d deadlyDecoder) Payload(stored eventstore.Event) (any, error) {
	if bytes.Equal(stored.Data, []byte(readmodeltest.Poison)) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return d.Decoder.Payload(stored)
}
