package storetest

import (
	"testing"

	"github.com/google/uuid"

	"passbook/internal/pgkit"
)

func guardParts() []part {
	return []part{
		{"no role changes or removes an event", appendOnly},
		{"the readers' roles cannot write", readersCannotWrite},
		{"the tables refuse what cannot be", tableChecks},
	}
}

var changes = []string{
	`UPDATE events SET data = '{}'`,
	`DELETE FROM events`,
	`TRUNCATE events`,
	`UPDATE idempotency_keys SET status = 200`,
	`DELETE FROM idempotency_keys`,
	`TRUNCATE idempotency_keys`,
}

// appendOnly tries as every role, and as the superuser, whom only the trigger stops.
func appendOnly(t *testing.T, env Env) {
	mustAppend(t, env.Store, keyed(uuid.New(), 0, "kept"))
	for _, role := range []string{WriterRole, "passbook_projector", "passbook_query", ""} {
		pool := env.Database.Pool(t, role)
		for _, change := range changes {
			_, err := pool.Exec(t.Context(), change)
			if !pgkit.InsufficientPrivilege(err) {
				t.Errorf("role %q: %s: %v, want insufficient privilege", role, change, err)
			}
		}
	}
	soundLog(t, env.Store, 1)
}

func readersCannotWrite(t *testing.T, env Env) {
	for _, role := range []string{"passbook_projector", "passbook_query"} {
		pool := env.Database.Pool(t, role)
		for _, write := range []string{
			`INSERT INTO events SELECT * FROM events`,
			`UPDATE log_head SET position = 0`,
			`DELETE FROM log_head`,
			`INSERT INTO idempotency_keys SELECT * FROM idempotency_keys`,
			`DELETE FROM snapshots`,
			`CREATE TABLE public.mine (n int)`,
			`ALTER TABLE events DISABLE TRIGGER ALL`,
			`DROP TABLE events`,
		} {
			if _, err := pool.Exec(t.Context(), write); !pgkit.InsufficientPrivilege(err) {
				t.Errorf("role %q: %s: %v, want insufficient privilege", role, write, err)
			}
		}
	}
}

func tableChecks(t *testing.T, env Env) {
	const insert = `INSERT INTO events (position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata) VALUES `
	for _, row := range []string{
		`(0, 1, now(), now(), gen_random_uuid(), gen_random_uuid(), 1, 'thing', 'x', '{}', '{}')`,
		`(1, 0, now(), now(), gen_random_uuid(), gen_random_uuid(), 1, 'thing', 'x', '{}', '{}')`,
		`(1, 1, now(), now(), gen_random_uuid(), gen_random_uuid(), 0, 'thing', 'x', '{}', '{}')`,
		`(1, 1, now(), now(), gen_random_uuid(), gen_random_uuid(), 1, '', 'x', '{}', '{}')`,
		`(1, 1, now(), now(), gen_random_uuid(), gen_random_uuid(), 1, 'thing', '', '{}', '{}')`,
	} {
		if _, err := env.Pool.Exec(t.Context(), insert+row); err == nil {
			t.Errorf("the table took %s", row)
		} else if _, check := pgkit.CheckViolation(err); !check {
			t.Errorf("%s: %v, want a check violation", row, err)
		}
	}
	if _, err := env.Pool.Exec(t.Context(), insert+`(1, 1, now(), now(), gen_random_uuid(), gen_random_uuid(), 1, 'thing', 'x', 'no json', '{}')`); err == nil {
		t.Error("the table took data that is no JSON")
	}
}
