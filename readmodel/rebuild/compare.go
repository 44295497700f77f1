package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/readmodel"
)

// Finding is what a comparison of two generations at the same position found.
type Finding struct {
	Position      int64     `json:"position"`
	Accounts      int64     `json:"accounts"` // or streams of the type that the projection is made of
	Differing     int64     `json:"accounts_that_differ"`
	FirstPosition int64     `json:"first_differing_event,omitempty"`
	FirstAccount  uuid.UUID `json:"first_differing_account,omitzero"`
	Text          string    `json:"text"`
}

// compare holds the next generation against the live one. Differences that nobody expects and nobody accepts end the rebuild.
func (r *run) compare(ctx context.Context, j *job) error {
	if ahead, err := r.ahead(ctx, j); ahead || err != nil {
		return err
	}
	tx, position, err := r.samePosition(ctx, j)
	if err != nil {
		return fmt.Errorf("bring the generations to the same position: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	j.finding = Finding{Position: position}
	gs, _, err := readmodel.LoadGenerations(ctx, r.parts.Pool, j.projector.Name)
	if err != nil {
		return err
	}
	parked, err := readmodel.ParkedIn(ctx, tx, j.projector.Name, gs)
	if err != nil {
		return err
	}
	for _, table := range j.projector.Tables {
		r.progress.note(fmt.Sprintf("table %s at position %d", table, position))
		if err := compareTable(ctx, tx, j.projector, table, parked, &j.finding); err != nil {
			return fmt.Errorf("compare table %s: %w", table, err)
		}
	}
	f := &j.finding
	if f.Differing == 0 {
		f.Text = fmt.Sprintf("all %s %ss agree at position %s", grouped(f.Accounts), j.projector.Stream, grouped(position))
	}
	if len(parked) > 0 {
		f.Text += fmt.Sprintf("; parked %ss were not compared, %d of them", j.projector.Stream, len(parked))
	}
	live, _ := gs.At(readmodel.PlaceLive)
	return r.judge(ctx, j, live.CodeVersion)
}

// judge ends the rebuild for differences that nobody expects and nobody accepts.
func (r *run) judge(ctx context.Context, j *job, live int) error {
	f := &j.finding
	if f.Differing == 0 {
		return nil
	}
	if expected := j.projector.ExpectDiff; expected != "" && live < j.projector.Version {
		f.Text += "; expected of version " + fmt.Sprint(j.projector.Version) + ": " + expected
		return nil
	}
	if r.options.AcceptDiff {
		f.Text += "; accepted"
		return nil
	}
	if err := r.enter(ctx, j, phaseDiffers, f.Text); err != nil {
		return err
	}
	return &DiffersError{j.projector.Name, *f}
}

// ahead tells whether the next generation has passed the live one, because that was empty when the rebuild began. Then there is no
// position at which both could be compared, and the switch takes nobody back.
func (r *run) ahead(ctx context.Context, j *job) (bool, error) {
	gs, _, err := readmodel.LoadGenerations(ctx, r.parts.Pool, j.projector.Name)
	if err != nil {
		return false, err
	}
	live, _ := gs.At(readmodel.PlaceLive)
	if live.Position >= j.follower.Position() {
		return false, nil
	}
	j.finding = Finding{Text: fmt.Sprintf("not compared: the live generation stands at %s only", grouped(live.Position))}
	if live.Position == 0 || r.options.AcceptDiff {
		return true, nil
	}
	j.finding.Differing = -1
	return true, &DiffersError{j.projector.Name, j.finding}
}

// Statements of a comparison, by hand: one of them is a lock that outlives its statement, the others look into the catalog.
const (
	lockLive = `SELECT position FROM readmodel.checkpoints WHERE projection = $1 AND place = 'live' FOR UPDATE`

	selectPositions = `
SELECT (SELECT position FROM readmodel.checkpoints WHERE projection = $1 AND place = 'live'),
       (SELECT position FROM readmodel.checkpoints WHERE projection = $1 AND place = 'next')`

	// json has no hash of its own, its text has.
	selectHashedColumns = `
SELECT string_agg(CASE WHEN a.atttypid = 'json'::regtype THEN format('t.%I::text', a.attname) ELSE format('t.%I', a.attname) END,
                  ', ' ORDER BY a.attnum),
       coalesce(bool_or(a.attname = 'position'), false)
FROM pg_attribute a
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped`

	setCompareMemory = `SET LOCAL work_mem = '64MB'`
)

// samePosition returns a transaction whose snapshot shows both generations at the same position. Whoever moves the live one waits
// until the next one has caught up with it and the snapshot is taken, which is no longer than some of its own transactions.
func (r *run) samePosition(ctx context.Context, j *job) (pgx.Tx, int64, error) {
	if err := r.catchUp(ctx, j, nearEnough); err != nil {
		return nil, 0, err
	}
	held, err := r.parts.Pool.Begin(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = held.Rollback(context.WithoutCancel(ctx)) }()
	var live int64
	if err := held.QueryRow(ctx, lockLive, j.projector.Name).Scan(&live); err != nil {
		return nil, 0, err
	}
	for j.follower.Position() < live {
		if err := j.follower.Step(ctx, live); err != nil {
			return nil, 0, err
		}
	}
	tx, err := r.parts.Pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, 0, err
	}
	var next int64
	err = tx.QueryRow(ctx, selectPositions, j.projector.Name).Scan(&live, &next)
	if err == nil && live != next {
		err = fmt.Errorf("the live generation is at %d, the next one at %d: it cannot go back", live, next)
	}
	if err != nil {
		_ = tx.Rollback(context.WithoutCancel(ctx))
		return nil, 0, err
	}
	return tx, live, nil
}

// compareTable hashes the rows of each stream in both generations. Where the hashes differ, it looks for the first event whose
// rows do.
func compareTable(ctx context.Context, tx pgx.Tx, p readmodel.Projector, table string, parked [][16]byte, f *Finding) error {
	key := pgx.Identifier{p.Key}.Sanitize()
	live, next := readmodel.PlaceLive.Table(table), readmodel.PlaceNext.Table(table)
	var columns string
	var positioned bool
	if err := tx.QueryRow(ctx, selectHashedColumns, live).Scan(&columns, &positioned); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, setCompareMemory); err != nil {
		return err
	}
	if parked == nil {
		parked = [][16]byte{}
	}
	rows := func(of string) string {
		return "(SELECT t." + key + " AS stream, bit_xor(hash_record_extended(ROW(" + columns + "), 0)) AS hash, count(*) AS rows FROM " + of + " t GROUP BY 1)"
	}
	var streams int64
	var differing [][16]byte
	err := tx.QueryRow(ctx, `SELECT count(*), coalesce(array_agg(stream) FILTER (WHERE (l.hash, l.rows) IS DISTINCT FROM (n.hash, n.rows)), '{}')
FROM `+rows(live)+` l FULL JOIN `+rows(next)+` n USING (stream) WHERE stream <> ALL($1::uuid[])`, parked).Scan(&streams, &differing)
	if err != nil {
		return err
	}
	f.Accounts = max(f.Accounts, streams)
	if len(differing) == 0 {
		return nil
	}
	f.Differing += int64(len(differing))
	f.Text = joined(f.Text, fmt.Sprintf("%s of %s %ss differ in table %s", grouped(int64(len(differing))), grouped(streams), p.Stream, table))
	if !positioned {
		return nil
	}
	return describeFirst(ctx, tx, p, live, next, differing, f)
}

// describeFirst finds the first event, by position, whose rows differ.
func describeFirst(ctx context.Context, tx pgx.Tx, p readmodel.Projector, live, next string, differing [][16]byte, f *Finding) error {
	key := pgx.Identifier{p.Key}.Sanitize()
	var id uuid.UUID
	var position int64
	var was, is []byte
	err := tx.QueryRow(ctx, `
SELECT coalesce(l.`+key+`, n.`+key+`), coalesce(l.position, n.position), to_jsonb(l), to_jsonb(n)
FROM (SELECT * FROM `+live+` WHERE `+key+` = ANY($1)) l FULL JOIN (SELECT * FROM `+next+` WHERE `+key+` = ANY($1)) n
  ON n.`+key+` = l.`+key+` AND n.position = l.position
WHERE to_jsonb(l) IS DISTINCT FROM to_jsonb(n)
ORDER BY 2 LIMIT 1`, differing).Scan((*[16]byte)(&id), &position, &was, &is)
	if err != nil {
		return fmt.Errorf("find the first event that differs: %w", err)
	}
	if f.FirstPosition == 0 || position < f.FirstPosition {
		f.FirstPosition, f.FirstAccount = position, id
	}
	f.Text += fmt.Sprintf("; the first event that differs is %s, of %s %s: %s", grouped(position), p.Stream, id, columnsThatDiffer(was, is))
	return nil
}

// columnsThatDiffer tells "balance is 90, was 100".
func columnsThatDiffer(was, is []byte) string {
	switch {
	case was == nil:
		return "there was no such row"
	case is == nil:
		return "there is no such row any more"
	}
	var before, after map[string]json.RawMessage
	if json.Unmarshal(was, &before) != nil || json.Unmarshal(is, &after) != nil {
		return "the row"
	}
	var parts []string
	for _, column := range slices.Sorted(maps.Keys(after)) {
		if string(before[column]) != string(after[column]) {
			parts = append(parts, fmt.Sprintf("%s is %s, was %s", column, after[column], before[column]))
		}
	}
	return strings.Join(parts, ", ")
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// grouped writes a number as people read it: 1,204,332.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
