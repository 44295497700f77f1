package rebuild_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"passbook/eventstore"
	"passbook/internal/eventcodec"
	"passbook/internal/pgkit"
	"passbook/readmodel"
	"passbook/readmodel/rebuild"
)

// childURL names the variable that turns the test binary into a process that rebuilds, to be killed.
const childURL = "PASSBOOK_TEST_REBUILD"

// child rebuilds everything, a line on standard output for each sign of progress. After each it waits for a byte on standard input,
// so that it is killed exactly there.
func child(url string) int {
	ctx := context.Background()
	pool, err := pgkit.Open(ctx, pgkit.Config{URL: url, Role: "passbook_projector", MaxConns: 20})
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	codec, err := eventcodec.New()
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	o := options(fmt.Sprint("child ", os.Getpid()))
	o.LeaseTTL = 2 * time.Second
	o.Report = func(p rebuild.Progress) {
		fmt.Println(p.Phase, p.Done, p.Note)
		_, _ = os.Stdin.Read(make([]byte, 1))
	}
	r := rebuild.New(rebuild.Parts{Pool: pool, Log: eventstore.New(pool), Decoder: codec, Logger: quiet, Config: readmodel.DefaultConfig()})
	if _, err := r.Run(ctx, readmodel.Projectors(), o); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

// killAt starts a child and kills it when a line has the text for the nth time. It returns false when the child ended by itself. One
// that lost its lease, on a machine that stood still for a while, has another go.
func (b *bank) killAt(text string, nth int) (killed bool) {
	b.t.Helper()
	for again := true; again && !killed; {
		killed, again = b.killOnce(text, nth)
	}
	return killed
}

func (b *bank) killOnce(text string, nth int) (killed, again bool) {
	b.t.Helper()
	command := exec.CommandContext(b.t.Context(), os.Args[0])
	command.Env = append(os.Environ(), childURL+"="+b.db.URL)
	out, err := command.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	in, err := command.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		again = again || strings.Contains(lines.Text(), "lease lost")
		if strings.HasPrefix(lines.Text(), "failed") && !again {
			b.t.Error(lines.Text())
		}
		if strings.Contains(lines.Text(), text) {
			nth--
		}
		if nth == 0 {
			_ = command.Process.Kill()
			killed = true
			break
		}
		_, _ = in.Write([]byte{'\n'}) // one that has ended is seen by the end of its lines
	}
	_, _ = io.Copy(io.Discard, out)
	_ = command.Wait()
	return killed, again
}

// kill -9 in each phase, one after another, while customers go on: the next process goes on where the one before was, and in the end
// everything is as the log says.
func TestKilledInEachPhase(t *testing.T) {
	t.Parallel()
	b := newBank(t, 10)
	b.untilAppliedBy(b.write(2_000), readmodel.Projectors()...)
	for _, kill := range []struct {
		at  string
		nth int
	}{
		{"replay", 1}, {"replay", 5}, {"replay", 20}, {"replay", 60}, {"CREATE INDEX balances_owner", 1}, {"ANALYZE balances", 1},
		{"catch up", 1}, {"compare", 1}, {"switch", 1}, {"ADD CONSTRAINT timeline", 1}, {"compare 0 table timeline", 1},
	} {
		before := value[int](b, `SELECT count(*) FROM readmodel.rebuilds`)
		if !b.killAt(kill.at, kill.nth) {
			t.Fatalf("the child ended before %q came %d times, after %d rebuilds were begun", kill.at, kill.nth, before)
		}
		b.write(50)
	}
	results, err := b.rebuilder().Run(t.Context(), []readmodel.Projector{projector(readmodel.Timeline)}, options("last"))
	if err != nil || !results[0].Resumed || results[0].Generation != 2 {
		t.Fatalf("%+v, %v", results, err)
	}
	b.untilApplied(b.write(100))
	b.verify()
	if n := value[int](b, `SELECT count(*) FROM readmodel.rebuilds`); n > 1 { // of balances a second one may have begun
		t.Errorf("%d rebuilds are left", n)
	}
}

// A replay that goes on after a kill writes no row twice and leaves none out.
func TestKilledReplayGoesOn(t *testing.T) {
	t.Parallel()
	b := newBank(t, 11)
	b.projected(b.write(3_000))
	for nth := 3; nth < 40; nth += 9 {
		if !b.killAt("replay", nth) {
			break
		}
		if p := value[int64](b, `SELECT max(position) FROM readmodel.rebuild_shards`); nth > 20 && p == 0 {
			t.Errorf("after %d signs of progress nothing is durable", nth)
		}
	}
	started := time.Now()
	if _, err := b.rebuilder().Run(t.Context(), readmodel.Projectors(), options("last")); err != nil {
		t.Fatal(err)
	}
	t.Logf("went on in %s", time.Since(started))
	b.verify()
}
