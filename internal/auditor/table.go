package auditor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"
	"strings"

	"github.com/google/uuid"
)

// table holds the rows of a read model against the rows that it should have, both in the order of their keys: account, and
// position where an account has several.
type table[T comparable] struct {
	name       string
	found      *differences
	key        func(*T) (uuid.UUID, int64)
	rows       *reader[T]
	checkpoint ProjectionReport
	hash       hash.Hash
	line       []byte
}

func newTable[T comparable](name string, found *differences, key func(*T) (uuid.UUID, int64)) *table[T] {
	return &table[T]{name: name, found: found, key: key, checkpoint: ProjectionReport{Name: name}, hash: sha256.New()}
}

// expect says that the row should be there, after all expected before.
func (t *table[T]) expect(ctx context.Context, want *T) error {
	t.checkpoint.Rows++
	t.line = fmt.Appendf(t.line[:0], "%q\n", fmt.Sprint(*want))
	t.hash.Write(t.line)
	id, position := t.key(want)
	for {
		got, err := t.rows.peek(ctx)
		if err != nil {
			return err
		}
		if got == nil {
			break
		}
		gotID, gotPosition := t.key(got)
		order := compareIDs(gotID, id)
		// Of the balances there is one row an account, whatever its position.
		if order == 0 && (gotPosition == position || t.name == CheckBalances) {
			t.compare(want, got)
			t.rows.pass()
			return nil
		}
		if order > 0 || order == 0 && gotPosition > position {
			break
		}
		t.unexpected(got)
	}
	t.found.add(t.name, id, position, "there is no row, it should be %+v", *want)
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
	id, position := t.key(got)
	t.found.add(t.name, id, position, "there should be no row: %+v", *got)
	t.rows.pass()
}

func (t *table[T]) compare(want, got *T) {
	if *want == *got {
		return
	}
	id, position := t.key(want)
	t.found.add(t.name, id, position, "%s", fieldsThatDiffer(want, got))
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
	return t.checkpoint
}
