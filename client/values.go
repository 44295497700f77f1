package client

import (
	"fmt"
	"iter"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
)

// pathOf puts ids into the places that a path has for them.
func pathOf(format string, ids ...any) string {
	for i, id := range ids {
		ids[i] = url.PathEscape(text(id))
	}
	return fmt.Sprintf(format, ids...)
}

// queryOf makes a query of names and values in turn. Zero values are not sent: of no parameter does it mean another thing than none.
func queryOf(pairs ...any) url.Values {
	query := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		name, value := text(pair[0]), reflect.ValueOf(pair[1])
		switch {
		case value.IsZero():
		case value.Kind() == reflect.Slice:
			for k := range value.Len() {
				query.Add(name, text(value.Index(k).Interface()))
			}
		default:
			query.Add(name, text(pair[1]))
		}
	}
	return query
}

func text(value any) string {
	switch value := value.(type) {
	case time.Time:
		return value.UTC().Format(time.RFC3339Nano)
	case uuid.UUID:
		return value.String()
	}
	return fmt.Sprint(value)
}

// pages reads one page after another, as far as they are asked for. An error is the last of what it yields.
func pages[T any](page func(cursor string) (rows []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			rows, next, err := page(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}
