package contender

import (
	"context"
	"fmt"
	"strings"

	"passbook/internal/auditor"
	"passbook/internal/eventcodec"
	"passbook/internal/pgkit"
	"passbook/internal/schema"
)

// migrate gives the contender's database the bank's schema.
func (s *Stage) migrate(ctx context.Context) error {
	return pgkit.Migrate(ctx, s.url(), s.bench.Log, schema.Sets()...)
}

// audit proves log and read models, and that every acknowledged command is in the log, once: each of them is one event under a
// key of its own.
func (s *Stage) audit(ctx context.Context) error {
	codec, err := eventcodec.New()
	if err != nil {
		return err
	}
	report, err := auditor.Verify(ctx, s.pool, codec, auditor.Options{DifferencesMax: 10})
	if err != nil {
		return err
	}
	if !report.OK() {
		var text strings.Builder
		_ = report.WriteText(&text) // a Builder takes everything
		return fmt.Errorf("the auditor found differences:\n%s", text.String())
	}
	if err := s.expectRows(ctx, "SELECT count(*) FROM events"); err != nil {
		return err
	}
	return s.expectRows(ctx, "SELECT count(DISTINCT metadata->>'idempotency_key') FROM events")
}

// atTheEnd tells when a projection has not come to the end of the log although nothing happens any more.
func atTheEnd(report auditor.Report) error {
	for _, p := range report.Projections {
		if p.Position != report.Head {
			return fmt.Errorf("%s is at position %d of %d although nothing happens any more", p.Name, p.Position, report.Head)
		}
	}
	return nil
}

// expectRows checks that the log has as many rows as were acknowledged.
func (s *Stage) expectRows(ctx context.Context, count string) error {
	var found int64
	if err := s.pool.QueryRow(ctx, count).Scan(&found); err != nil {
		return fmt.Errorf("count the log: %w", err)
	}
	if found != s.acknowledged {
		return fmt.Errorf("%d were acknowledged, but the log has %d", s.acknowledged, found)
	}
	return nil
}

const selectGaps = `SELECT count(*) FROM (SELECT 1 FROM events GROUP BY stream_id HAVING min(version) <> 1 OR max(version) <> count(*)) broken`

// expectGapless checks that each stream's versions go from 1 without a gap.
func (s *Stage) expectGapless(ctx context.Context, count string) error {
	var broken int64
	if err := s.pool.QueryRow(ctx, count).Scan(&broken); err != nil {
		return fmt.Errorf("look for gaps: %w", err)
	}
	if broken > 0 {
		return fmt.Errorf("%d streams have gaps in their versions", broken)
	}
	return nil
}

// discountConflicts takes transactions off the rate that wrote nothing, because another had written the same version.
func (s *Stage) discountConflicts(ctx context.Context, id string) error {
	var found int64
	if err := s.pool.QueryRow(ctx, "SELECT count(*) FROM events").Scan(&found); err != nil {
		return fmt.Errorf("count the log: %w", err)
	}
	sample := s.samples[id]
	written := float64(found) / float64(s.acknowledged)
	sample.Conflicts = int64(float64(sample.Operations) * (1 - written))
	sample.Operations -= sample.Conflicts
	sample.Rate *= written
	s.samples[id] = sample
	return s.expectGapless(ctx, selectGaps)
}
