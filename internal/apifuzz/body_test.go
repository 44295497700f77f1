package apifuzz

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// drawBody draws the body, and how it is sent.
func (d *drawer) drawBody() {
	body := d.r.op.spec.RequestBody
	if body == nil {
		if d.wrong("a body where there is none", 3) {
			d.r.body = []byte(`{"a":1}`)
			d.r.header["Content-Type"] = []string{"application/json"}
		}
		return
	}
	if !body.Value.Required && d.chance(30) {
		return
	}
	media := pick(d, slices.Sorted(maps.Keys(body.Value.Content)))
	d.r.header["Content-Type"] = []string{media}
	d.r.body = d.bodyOf(media, body.Value.Content)
	if d.wrong("content type", 5) {
		d.r.header["Content-Type"] = pick(d, [][]string{nil, {"text/plain"}, {"application/json", "application/json"}, {"application/json; charset=latin1"},
			{"multipart/form-data"}, {"application/x-www-form-urlencoded"}, {"/"}, {""}, {"application/json;"}, {"APPLICATION/JSON; charset=UTF-8"}, {"*/*"}, {"\xff"}})
	}
	if d.wrong("body", 8) {
		d.r.body, d.r.garbled = d.spoil(d.r.body), false
	}
}

func (d *drawer) bodyOf(media string, content openapi3.Content) []byte {
	if media != "application/x-ndjson" {
		return encode(d.value("the body", content[media].Schema.Value, 0))
	}
	lines, ok := d.value("the lines", content["application/json"].Schema.Value, 0).(array)
	if !ok {
		return []byte("\n")
	}
	var out []byte
	for _, line := range lines {
		out = append(append(out, encode(line)...), pick(d, []string{"\n", "\r\n", "\n\n"})...)
	}
	return out
}

// spoil breaks a body as a whole.
func (d *drawer) spoil(body []byte) []byte {
	switch d.upTo(11) {
	case 0:
		return body[:len(body)/2]
	case 1:
		return append(body, "}"...)
	case 2:
		return nil
	case 3:
		return bytes.Repeat([]byte("["), 20_000)
	case 4:
		return []byte(strings.Repeat(`{"amount":`, 5_000) + "1" + strings.Repeat("}", 5_000))
	case 5:
		return append([]byte("\xef\xbb\xbf"), body...)
	case 6:
		return []byte(`{"metadata":{"k":"` + strings.Repeat("x", 70<<10) + `"}}`)
	case 7:
		return append(append([]byte{'['}, body...), ']')
	case 8:
		return []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00")
	case 9:
		return append(append([]byte{}, body...), body...)
	case 10:
		return append([]byte(strings.Repeat(" ", 60<<10)), body...)
	}
	if len(body) == 0 {
		return []byte{0}
	}
	spoilt := slices.Clone(body)
	spoilt[d.upTo(len(body)-1)] = byte(d.upTo(255)) //nolint:gosec // small
	return spoilt
}

// item draws an item of a bulk: the path and the body of another operation.
func (d *drawer) item(s *openapi3.Schema) (any, bool) {
	if d.r.op.path != "/v1/bulk" || s.Items.Value.Properties["path"] == nil {
		return nil, false
	}
	var others []*operation
	for _, op := range d.r.op.api.operations {
		if op != d.r.op {
			others = append(others, op)
		}
	}
	op := pick(d, others)
	bulk := d.r.op
	d.r.op = op
	path := d.path()
	d.r.op = bulk
	o := object{{"path", text(path)}, {"method", text(op.method)}}
	if body := op.spec.RequestBody; body != nil {
		o = append(o, member{"body", d.value("the item's body", body.Value.Content["application/json"].Schema.Value, 1)})
	}
	if d.chance(20) {
		o = append(o, member{"idempotency_key", text(d.words(1, nil))})
	}
	if d.wrong("field of an item", 10) {
		o = append(o, member{pick(d, []string{"path", "x", "if_match"}), raw("1")})
	}
	return o, true
}

// verdict is what the document says of a body.
type verdict int

const (
	unclear verdict = iota // not JSON, or JSON that two readers may read in two ways
	fits
	against
)

// meant tells whether the request goes to the operation that it was drawn for, and not to another one of the same path.
func (r *request) meant() bool { return r.method == r.op.method }

// judge holds the body to the schema of the operation.
func (r *request) judge() verdict {
	if !r.meant() || r.op.spec.RequestBody == nil || r.op.path == "/v1/bulk" || r.body == nil {
		return unclear
	}
	var value any
	if !utf8.Valid(r.body) || json.Unmarshal(r.body, &value) != nil {
		return unclear
	}
	schema := r.op.spec.RequestBody.Value.Content["application/json"].Schema.Value
	if schema.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.EnableFormatValidation()) != nil {
		return against
	}
	return fits
}
