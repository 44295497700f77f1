package account

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// canonical reads the layout that object writes: the fields of the schema in their order, no blanks, no escapes. Bytes laid
// out in another way, which is no fault, make it give up, and encoding/json reads them; nearly all stored money events are
// laid out like this, and a rebuild reads every one of them. What it reads it reads as encoding/json would.
type canonical struct {
	rest   []byte
	begun  bool
	gaveUp bool
}

func (c *canonical) end() bool { return !c.gaveUp && string(c.rest) == "}" }

// skip takes the prefix off, and reports whether it was there.
func (c *canonical) skip(prefix string) bool {
	if len(c.rest) < len(prefix) || string(c.rest[:len(prefix)]) != prefix {
		return false
	}
	c.rest = c.rest[len(prefix):]
	return true
}

func (c *canonical) require(found bool) bool {
	c.gaveUp = c.gaveUp || !found
	return found
}

// name takes `{"name":` or `,"name":` off, and leaves everything where it is when another name is next.
func (c *canonical) name(name string) bool {
	before := *c
	opening := "{"
	if c.begun {
		opening = ","
	}
	if c.skip(opening) && c.skip(`"`) && c.skip(name) && c.skip(`":`) {
		c.begun = true
		return true
	}
	*c = before
	return false
}

// quoted takes a string off that stands for itself, and gives up on any other.
func (c *canonical) quoted() []byte {
	if !c.require(c.skip(`"`)) {
		return nil
	}
	end := bytes.IndexByte(c.rest, '"')
	if !c.require(end >= 0) || !c.require(isPlain(c.rest[:end])) {
		return nil
	}
	raw := c.rest[:end]
	c.rest = c.rest[end+1:]
	return raw
}

func isPlain(raw []byte) bool {
	for _, b := range raw {
		if b < ' ' || b == '\\' {
			return false
		}
	}
	return utf8.Valid(raw)
}

func (c *canonical) text(name string) string {
	c.require(c.name(name))
	return string(c.quoted())
}

func (c *canonical) optionalText(name string) string {
	if !c.name(name) {
		return ""
	}
	return string(c.quoted())
}

func (c *canonical) currency(name string) (currency money.Currency) {
	c.require(c.name(name))
	c.require(currency.UnmarshalText(c.quoted()) == nil)
	return currency
}

// amount leaves numbers with a fraction, an exponent, leading zeros or a value outside int64 to encoding/json, which refuses them.
func (c *canonical) amount(name string) money.Amount {
	c.require(c.name(name))
	end := bytes.IndexAny(c.rest, ",}")
	if !c.require(end >= 0) {
		return 0
	}
	digits := bytes.TrimPrefix(c.rest[:end], []byte("-"))
	c.require(string(digits) == "0" || len(digits) > 0 && '1' <= digits[0] && digits[0] <= '9') // ParseInt would take +5 and 05
	n, err := strconv.ParseInt(string(c.rest[:end]), 10, 64)
	c.require(err == nil)
	c.rest = c.rest[end:]
	return money.Amount(n)
}

func (c *canonical) optionalID(name string) uuid.UUID {
	if !c.name(name) {
		return uuid.Nil
	}
	return c.uuid()
}

func (c *canonical) id(name string) uuid.UUID {
	c.require(c.name(name))
	return c.uuid()
}

func (c *canonical) uuid() (id uuid.UUID) {
	text := c.quoted()
	if !c.require(len(text) == 36) || !c.require(text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-') {
		return id
	}
	var digits [32]byte
	joined := digits[:0]
	for group := range bytes.SplitSeq(text, []byte("-")) {
		joined = append(joined, group...)
	}
	_, err := hex.Decode(id[:], joined)
	c.require(err == nil && len(joined) == len(digits))
	return id
}

func (c *canonical) optionalMap(name string) map[string]string {
	if !c.name(name) || !c.require(c.skip("{")) {
		return nil
	}
	values := make(map[string]string)
	for first := true; !c.gaveUp && !c.skip("}"); first = false {
		c.require(first || c.skip(","))
		key := string(c.quoted())
		c.require(c.skip(":"))
		values[key] = string(c.quoted())
	}
	return values
}
