package auditor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// table holds the rows of a read model against the rows that it should have, both in the order of their keys.
type table[T comparable] struct {
	name       string
	sql        tableSQL
	found      *differences
	key        func(*T) rowKey
	scan       func(pgx.Rows, *T) error
	rows       *reader[T]
	checkpoint ProjectionReport
	aside      aside
	hash       hash.Hash
	line       canonicalRow
}

// rowKey is a row's place in the order of its table: its stream and, where a stream has several rows, an id or a position.
type rowKey struct {
	stream, id uuid.UUID
	position   int64
	at         int64 // the position to be named in a difference; it orders nothing
}

func (k rowKey) compare(other rowKey) int {
	return cmp.Or(compareIDs(k.stream, other.stream), compareIDs(k.id, other.id), cmp.Compare(k.position, other.position))
}

// tableSQL has the statements about a table, by its name alone.
type tableSQL struct {
	lock    string // keeps a switch of generations from putting another table under the name
	declare string // a cursor over all rows
	within  string // a cursor over those of a range of accounts: behind $1, up to and with $2
	fetch   string
}

func newTable[T comparable](name string, found *differences, sql tableSQL, key func(*T) rowKey, scan func(pgx.Rows, *T) error) *table[T] {
	return &table[T]{name: name, sql: sql, found: found, key: key, scan: scan, aside: newAside(), hash: sha256.New(),
		checkpoint: ProjectionReport{Name: name, Parked: []Parked{}, Skipped: []Skipped{}}}
}

func (t *table[T]) report() (*ProjectionReport, aside) { return &t.checkpoint, t.aside }

func (t *table[T]) lock(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, t.sql.lock)
	return err
}

func (t *table[T]) open(ctx context.Context, tx pgx.Tx, within *Range) (err error) {
	t.rows, err = newReader(ctx, tx, t.sql.declare, t.sql.within, t.sql.fetch, within, t.scan)
	return err
}

// reaches reports whether the projection should have applied the event.
func (t *table[T]) reaches(id uuid.UUID, version, position int64) bool {
	return position <= t.checkpoint.Position && !t.aside.waits(id, version)
}

// expect says that the row should be there, after all expected before.
func (t *table[T]) expect(ctx context.Context, want *T) error { return t.expectEither(ctx, want, want) }

// expectEither says that one of two rows of the same key should be there.
func (t *table[T]) expectEither(ctx context.Context, want, other *T) error {
	t.checkpoint.Rows++
	t.line.begin()
	any(want).(interface{ canonical(*canonicalRow) }).canonical(&t.line)
	t.hash.Write(t.line.end())
	there, err := t.reach(ctx, want)
	if err != nil {
		return err
	}
	if there == nil {
		key := t.key(want)
		t.found.add(t.name, key.stream, key.at, "there is no row, it should be %+v", *want)
		return nil
	}
	if *there != *other {
		t.compare(want, there)
	}
	t.rows.pass()
	return nil
}

// reach returns the row of the same key, nil when there is none. None of those before it should be there.
func (t *table[T]) reach(ctx context.Context, want *T) (*T, error) {
	key := t.key(want)
	for {
		got, err := t.rows.peek(ctx)
		if err != nil || got == nil {
			return nil, err
		}
		switch order := t.key(got).compare(key); {
		case order == 0:
			return got, nil
		case order > 0:
			return nil, nil
		}
		t.unexpected(got)
	}
}

// allow says that the row may be there, or not: its event was passed over by some code, and applied by other code perhaps.
func (t *table[T]) allow(ctx context.Context, want *T) error {
	there, err := t.reach(ctx, want)
	if err != nil || there == nil {
		return err
	}
	t.compare(want, there)
	t.rows.pass()
	return nil
}

// end says that no further row should be there.
func (t *table[T]) end(ctx context.Context) error {
	for {
		got, err := t.rows.peek(ctx)
		if err != nil || got == nil {
			return err
		}
		t.unexpected(got)
	}
}

func (t *table[T]) unexpected(got *T) {
	key := t.key(got)
	t.found.add(t.name, key.stream, key.at, "there should be no row: %+v", *got)
	t.rows.pass()
}

func (t *table[T]) compare(want, got *T) {
	if *want == *got {
		return
	}
	key := t.key(want)
	t.found.add(t.name, key.stream, key.at, "%s", fieldsThatDiffer(want, got))
}

func fieldsThatDiffer(want, got any) string {
	var fields []string
	w, g := reflect.ValueOf(want).Elem(), reflect.ValueOf(got).Elem()
	for i := range w.NumField() {
		if x, y := w.Field(i).Interface(), g.Field(i).Interface(); x != y {
			fields = append(fields, fmt.Sprintf("%s is %v, should be %v", w.Type().Field(i).Name, y, x))
		}
	}
	return strings.Join(fields, "; ")
}

func (t *table[T]) finish() ProjectionReport {
	t.checkpoint.Hash = hex.EncodeToString(t.hash.Sum(nil))
	t.checkpoint.Differences = t.found.counts[t.name]
	return t.checkpoint
}
