package auditor

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// canonicalRow is a row in the form that is hashed: a JSON array on a line of its own, the same wherever the same events were
// folded. docs/operations.md describes it to whoever wants to compute the hash by other means.
type canonicalRow struct{ line []byte }

func (c *canonicalRow) begin() { c.line = append(c.line[:0], '[') }

func (c *canonicalRow) end() []byte {
	c.line = append(c.line, ']', '\n')
	return c.line
}

func (c *canonicalRow) next() {
	if len(c.line) > 1 {
		c.line = append(c.line, ',')
	}
}

func (c *canonicalRow) text(texts ...string) {
	for _, text := range texts {
		c.next()
		c.line, _ = jsontext.AppendQuote(c.line, text) // what is not UTF-8, which Postgres does not hold, is replaced
	}
}

func (c *canonicalRow) numbers(numbers ...int64) {
	for _, n := range numbers {
		c.next()
		c.line = strconv.AppendInt(c.line, n, 10)
	}
}

func (c *canonicalRow) null() {
	c.next()
	c.line = append(c.line, "null"...)
}

// ids are null where they are Nil.
func (c *canonicalRow) ids(ids ...uuid.UUID) {
	for _, id := range ids {
		if id == uuid.Nil {
			c.null()
		} else {
			c.text(id.String())
		}
	}
}

func (c *canonicalRow) truth(b bool) {
	c.next()
	c.line = strconv.AppendBool(c.line, b)
}

// object is JSON already.
func (c *canonicalRow) object(json string) {
	c.next()
	c.line = append(c.line, json...)
}

func (c *canonicalRow) times(times ...time.Time) {
	for _, t := range times {
		c.next()
		c.line = append(c.line, '"')
		c.line = t.UTC().AppendFormat(c.line, "2006-01-02T15:04:05.000000Z")
		c.line = append(c.line, '"')
	}
}
