package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"passbook/internal/decodelog"
	"passbook/internal/firstlog"
	"passbook/internal/pgtest"
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
