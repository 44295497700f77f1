package auditor_test

import (
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"

	"passbook/internal/auditor"
)

// A check that looks into the log anew for each of the things it checks takes minutes where it should take a second.
func TestChecksAcrossReadTheLogOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var approvals int
	if err := f.admin.QueryRow(t.Context(), `SELECT count(DISTINCT stream_id) FROM events WHERE stream_type = 'approval'`).Scan(&approvals); err != nil || approvals < 2 {
		t.Fatalf("%d approvals, so nothing could be read twice: %v", approvals, err)
	}
	scan := regexp.MustCompile(`on events.*loops=([0-9]+)`)
	for _, statistics := range []string{`SELECT 1`, `ANALYZE events`} { // what the planner knows
		if _, err := f.admin.Exec(t.Context(), statistics); err != nil {
			t.Fatal(err)
		}
		for _, sql := range auditor.AcrossSQL {
			rows, err := f.admin.Query(t.Context(), `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) `+sql)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			scans := 0
			for _, line := range plan {
				if found := scan.FindStringSubmatch(line); found != nil {
					if scans++; found[1] != "1" {
						t.Errorf("after %s: %s times:\n%s\n%s", statistics, found[1], line, sql)
					}
				}
			}
			if scans == 0 {
				t.Errorf("no scan of the log is recognized in %q", plan)
			}
		}
	}
}
