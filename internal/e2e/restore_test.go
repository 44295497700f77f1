package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"passbook/readmodel/doctor"
)

// cluster is the directory of the stopped bank's private Postgres.
func cluster(t *testing.T, state string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(state, "pg[0-9]*"))
	found = slices.DeleteFunc(found, func(path string) bool { info, err := os.Stat(path); return err != nil || !info.IsDir() })
	if err != nil || len(found) != 1 {
		t.Fatalf("clusters in %s: %q, %v", state, found, err)
	}
	return found[0]
}

// copyAll copies a directory with owners and modes, as a backup does.
func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v: %s", from, err, out)
	}
}

// environ is how an operator's command reaches the running bank.
func (b *bank) environ() []string {
	return []string{"DATABASE_URL=" + b.await(`psql '(\S+)'`)[1], "NATS_URL=" + b.await(`NATS\s+(nats://\S+)`)[1]}
}

// operate runs a command of operators to its end and returns its exit code and what it printed.
func (b *bank) operate(args ...string) (code int, out string) {
	b.t.Helper()
	p := start(b.t, "projector", b.environ(), args...)
	code = p.exit()
	p.mu.Lock()
	defer p.mu.Unlock()
	return code, p.output.String()
}

// Postgres is put back to an earlier point, with JetStream left as it was, and the bank goes on: its log grows past the old end,
// with other events at the same positions. The doctor names each thing that is not of this log, repairs it on demand alone, and
// relay and projector go on by themselves.
func TestRestoreToAnEarlierPoint(t *testing.T) {
	t.Parallel()
	const accounts, rows = 20, 40
	state, backup := stateDir(t), filepath.Join(stateDir(t), "backup")
	b := up(t, state, "--nats-port=-1")
	b.importAll(statement(t, "first", accounts, rows))
	b.stop()
	copyAll(t, cluster(t, state), backup)

	b = up(t, state, "--nats-port=-1")
	b.importAll(statement(t, "lost", accounts, rows))
	if code, out := b.operate("doctor"); code != 0 || !strings.Contains(out, "everything is of this log") {
		t.Fatalf("before the restore doctor exits with %d:\n%s", code, out)
	}
	b.stop()
	place := cluster(t, state)
	if err := os.RemoveAll(place); err != nil {
		t.Fatal(err)
	}
	copyAll(t, backup, place)

	b = up(t, state, "--nats-port=-1")
	second := statement(t, "second", accounts, 2*rows)
	if fresh, replayed := b.importAll(second); fresh != 2*accounts*rows || replayed != 0 {
		t.Errorf("after the restore %d rows are new, %d replayed", fresh, replayed)
	}
	named := b.diagnose(4)
	before, _ := strings.CutPrefix(named[0], "consumer projector-") // of the process before the restore, of the one after it, or both
	if rest := slices.DeleteFunc(slices.Clone(named), isConsumer); before == named[0] || !slices.Equal(rest, []string{"relay", "stream"}) {
		t.Errorf("the doctor names %q, want a projector's consumer, the relay and the stream", named)
	}
	if code, out := b.operate("status"); code != 0 || !strings.Contains(out, "relay   foreign") {
		t.Errorf("status exits with %d:\n%s", code, out)
	}
	if code, out := b.operate("doctor", "--repair"); code != 3 || !strings.Contains(out, "--yes confirms") {
		t.Errorf("a repair that nobody confirmed exits with %d:\n%s", code, out)
	}
	if code, out := b.operate("doctor", "--repair", "--yes", "--as", "ada", "--reason", "restored the backup"); code != 0 || !strings.Contains(out, "stream deleted") {
		t.Errorf("the repair exits with %d:\n%s", code, out)
	}
	b.untilCarried()
	if named := b.diagnose(0); len(named) != 0 {
		t.Errorf("after the repair the doctor names %q", named)
	}
	if code, out := b.operate("actions"); code != 0 || !strings.Contains(out, "ada") || !strings.Contains(out, "restored the backup") || !strings.Contains(out, "stream deleted") {
		t.Errorf("actions exits with %d:\n%s", code, out)
	}
	b.importAll(statement(t, "third", accounts, rows))
	b.untilCarried()
	b.stop()
	if report := audit(t, state); report.Events != accounts*(4*rows+3) {
		t.Errorf("the log has %d events", report.Events)
	}
}

// diagnose runs the doctor and returns the things it names, in order.
func (b *bank) diagnose(want int) (things []string) {
	b.t.Helper()
	code, out := b.operate("doctor", "--json")
	var result struct{ Diagnosis doctor.Diagnosis }
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != want {
		b.t.Fatalf("doctor exits with %d, %v:\n%s", code, err, out)
	}
	for _, f := range result.Diagnosis.Findings {
		things = append(things, f.Thing)
	}
	slices.Sort(things)
	return things
}

// untilCarried waits until the stream has everything again.
func (b *bank) untilCarried() {
	b.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		_, out := b.operate("status", "--json")
		var status struct {
			Healthy bool
			Relay   struct {
				State     string
				LagEvents int64 `json:"lag_events"`
			}
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			b.t.Fatalf("%v:\n%s", err, out)
		}
		if status.Healthy && status.Relay.State == "live" && status.Relay.LagEvents == 0 {
			return
		}
	}
	b.t.Fatal("the stream does not get everything")
}

func isConsumer(thing string) bool { return strings.HasPrefix(thing, "consumer projector-") }
