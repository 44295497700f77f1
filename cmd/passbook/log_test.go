package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passbook/internal/casetest"
	"passbook/internal/decodelog"
	"passbook/internal/firstlog"
	"passbook/internal/pgtest"
	"passbook/internal/replay"
	"passbook/internal/schema"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// firstBank is a database with the first code's log.
func firstBank(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	firstlog.Load(t.Context(), t, db.Pool(t, ""))
	return db
}

func passbook(t *testing.T, environ map[string]string, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, notes bytes.Buffer
	exit = run(t.Context(), args, environ, &out, &notes)
	return exit, out.String(), notes.String()
}

func TestDecodeLog(t *testing.T) {
	t.Parallel()
	db := firstBank(t)
	environ := map[string]string{"DATABASE_URL": db.URL}
	exit, out, notes := passbook(t, environ, "decode-log")
	if exit != 0 || !strings.Contains(out, "events 1..377: 377 events, 9 streams folded") || !strings.Contains(notes, "decode the log: 377 of 377 (100 %)") {
		t.Errorf("exit %d\n%s%s", exit, out, notes)
	}
	exit, out, _ = passbook(t, map[string]string{}, "decode-log", "--database-url", db.URL, "--from", "300", "--json")
	var report decodelog.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || exit != 0 || report.From != 300 || report.Head != 377 || report.Events != 78 || len(report.Faults) != 0 {
		t.Errorf("exit %d, %v\n%s", exit, err, out)
	}
	for want, args := range map[int][]string{2: {"--from", "0"}, 1: {"--database-url", "postgres://127.0.0.1:1/nowhere"}} {
		if exit, out, notes := passbook(t, environ, append([]string{"decode-log"}, args...)...); exit != want || out != "" || notes == "" {
			t.Errorf("%v: exit %d\n%s%s", args, exit, out, notes)
		}
	}
	if exit, _, notes := passbook(t, map[string]string{}, "decode-log"); exit != 2 || !strings.Contains(notes, "DATABASE_URL") {
		t.Errorf("without a database: exit %d, %s", exit, notes)
	}
	_, err := db.Pool(t, "").Exec(t.Context(), `
		INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata)
		SELECT 378, 1, now(), now(), gen_random_uuid(), gen_random_uuid(), 1, 'account', 'account.minted', '{}', '{}'`)
	if err == nil {
		_, err = db.Pool(t, "").Exec(t.Context(), `UPDATE log_head SET position = 378`)
	}
	if err != nil {
		t.Fatal(err)
	}
	exit, out, notes = passbook(t, environ, "decode-log")
	if exit != 4 || !strings.Contains(out, "event 378, account ") || !strings.Contains(out, "unknown_shape") || strings.Contains(notes, "passbook:") {
		t.Errorf("exit %d\n%s%s", exit, out, notes)
	}
}

// fed is an account of the first log.
const fed = "01977a70-5eed-7000-8000-000000000008"

func TestReplay(t *testing.T) {
	t.Parallel()
	environ := map[string]string{"DATABASE_URL": firstBank(t).URL}
	exit, out, notes := passbook(t, environ, "replay", "--account", fed)
	if exit != 0 || notes != "" || strings.Count(out, "version ") != 9 || !strings.Contains(out, "account.settings_changed/1, read as account.terms_changed/1") {
		t.Errorf("exit %d\n%s%s", exit, out, notes)
	}
	exit, out, _ = passbook(t, environ, "replay", "--account", fed, "--until", "3", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last replay.Document
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || exit != 0 || len(lines) != 3 || last.State.Version != 3 || last.State.Balance != 0 {
		t.Errorf("exit %d, %v\n%s", exit, err, out)
	}
	for want, args := range map[int][]string{
		1: {"--account", "01977a70-0000-7000-8000-000000000008"}, 2: {"--account", fed, "--until", "yesterday"},
	} {
		if exit, out, notes := passbook(t, environ, append([]string{"replay"}, args...)...); exit != want || out != "" || notes == "" {
			t.Errorf("%v: exit %d\n%s%s", args, exit, out, notes)
		}
	}
	for _, args := range [][]string{{}, {"--account", "ada"}} {
		if exit, _, _ := passbook(t, environ, append([]string{"replay"}, args...)...); exit != 2 {
			t.Errorf("%v: exit %d", args, exit)
		}
	}
}

// What replay cannot fold ends it with the exit code of differences, and with what came before it shown.
func TestReplayOfABrokenHistory(t *testing.T) {
	t.Parallel()
	db := firstBank(t)
	_, err := db.Pool(t, "").Exec(t.Context(), `
		INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata)
		SELECT 378, 10, now(), now(), gen_random_uuid(), $1, 1, 'account', 'account.minted', '{}', '{}'`, fed)
	if err != nil {
		t.Fatal(err)
	}
	exit, out, notes := passbook(t, map[string]string{"DATABASE_URL": db.URL}, "replay", "--account", fed)
	if exit != 4 || strings.Count(out, "version ") != 9 || !strings.Contains(notes, "version 10, event 378: ") || !strings.Contains(notes, "unknown event shape") {
		t.Errorf("exit %d\n%s%s", exit, out, notes)
	}
}

func TestCapture(t *testing.T) {
	t.Parallel()
	environ := map[string]string{"DATABASE_URL": firstBank(t).URL}
	for _, args := range [][]string{{}, {"--redact"}} {
		exit, out, notes := passbook(t, environ, append([]string{"capture", "--account", fed}, args...)...)
		if exit != 0 || notes != "" {
			t.Fatalf("exit %d\n%s", exit, notes)
		}
		path := filepath.Join(t.TempDir(), "case.json")
		if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		c := casetest.Replay(t, path)
		if redacted := c.State.OwnerName == "redacted-7"; len(c.Steps) != 9 || redacted != (len(args) > 0) || strings.Contains(out, "teller-7") {
			t.Errorf("%v: %d steps to %+v", args, len(c.Steps), c.State)
		}
	}
	if exit, out, notes := passbook(t, environ, "capture", "--account", "01977a70-0000-7000-8000-000000000008"); exit != 1 || out != "" || !strings.Contains(notes, "no such account") {
		t.Errorf("exit %d\n%s%s", exit, out, notes)
	}
}
