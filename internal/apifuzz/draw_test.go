package apifuzz

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// mood is how a request is meant.
type mood string

const (
	valid   mood = "valid"   // the document allows it
	nearly  mood = "nearly"  // but for a fault or two
	hostile mood = "hostile" // nothing is sacred
)

// operation is one of a document.
type operation struct {
	api          *openAPI
	method, path string
	spec         *openapi3.Operation
	params       openapi3.Parameters // of the operation and of its path
	scopes       []string
}

func (o *operation) name() string { return o.method + " " + o.path }

// request is one that was drawn. Target is the request line's, escaped as it will be sent.
type request struct {
	op     *operation
	mood   mood
	method string
	target string
	header http.Header
	body   []byte

	faults  []string // what was made wrong, for the reader
	refuse  bool     // one of them is certain to be refused
	garbled bool     // likewise, as long as the body is sent as it was drawn
}

// drawer draws one request.
type drawer struct {
	t      *rapid.T
	known  *things
	mood   mood
	budget int // faults that may still be made
	r      *request
}

func (d *drawer) chance(percent int) bool {
	return rapid.IntRange(1, 100).Draw(d.t, "chance") <= percent
}

func pick[T any](d *drawer, from []T) T { return rapid.SampledFrom(from).Draw(d.t, "pick") }

func (d *drawer) upTo(n int) int { return rapid.IntRange(0, n).Draw(d.t, "n") }

// wrong tells whether to make a fault here, and notes it. One in so many places has one, while the mood lasts.
func (d *drawer) wrong(what string, percent int) bool {
	if d.budget == 0 || !d.chance(percent) {
		return false
	}
	d.budget--
	d.r.faults = append(d.r.faults, what)
	return true
}

func draw(t *rapid.T, operations []*operation, known *things) *request {
	d := &drawer{t: t, known: known}
	op := pick(d, operations)
	d.mood = pick(d, []mood{valid, valid, valid, nearly, nearly, nearly, hostile})
	d.budget = map[mood]int{valid: 0, nearly: 1 + d.upTo(1), hostile: 12}[d.mood]
	d.r = &request{op: op, mood: d.mood, method: op.method, header: http.Header{}}
	d.token()
	path := d.path()
	d.r.target = path + d.query()
	d.headers()
	d.drawBody()
	if d.wrong("method", 4) {
		d.r.method = pick(d, []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "get"})
	}
	return d.r
}

// token is one that opens the operation, or not.
func (d *drawer) token() {
	if d.wrong("token", 12) {
		switch given := pick(d, d.known.badTokens); given {
		case "":
		case "twice":
			d.r.header["Authorization"] = []string{"Bearer " + d.known.tokens["accounts:read"], "Bearer " + d.known.tokens["operations"]}
		default:
			d.r.header["Authorization"] = []string{given}
		}
		d.r.refuse = true
		return
	}
	scope := pick(d, d.r.op.scopesOr("accounts:read"))
	if d.wrong("scope", 10) {
		scope = pick(d, []string{"accounts:write", "accounts:read", "own", "audit:read", "operations"})
		d.r.refuse = d.r.refuse || !slices.Contains(d.r.op.scopes, scope)
	}
	d.r.header["Authorization"] = []string{"Bearer " + d.known.tokens[scope]}
}

func (o *operation) scopesOr(none string) []string {
	if len(o.scopes) == 0 {
		return []string{none}
	}
	return o.scopes
}

// path fills the template in.
func (d *drawer) path() string {
	parts := strings.Split(d.r.op.path, "/")
	for i, part := range parts {
		name, isParam := strings.CutPrefix(part, "{")
		if !isParam {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		parts[i] = url.PathEscape(d.parameter(d.r.op.param(name, "path")))
		if d.wrong("path parameter", 8) {
			parts[i] = pick(d, []string{"%00", "%2e%2e", "%2F", "", ".", "%ff%fe", "'%20OR%201=1--", strings.Repeat("9", 3000), "nil", "%7B%7D",
				uuid.Nil.String(), strings.ToUpper(uuid.NewSHA1(uuid.Nil, []byte("x")).String()), "-1", "%0d%0aX:1"})
		}
	}
	path := strings.Join(parts, "/")
	if d.wrong("path", 5) {
		path = pick(d, []string{path + "/", "/" + path, path + "/x", strings.ToUpper(path), "/v2" + path, "/v1/../v1" + path, path + "%00", path + ";a=b", "/", "/v1", "/*", path + "//"})
	}
	return path
}

func (o *operation) param(name, in string) *openapi3.Parameter {
	if p := o.params.GetByInAndName(in, name); p != nil {
		return p
	}
	return &openapi3.Parameter{Name: name, In: in, Schema: openapi3.NewSchemaRef("", openapi3.NewStringSchema())}
}

// query draws the query string.
func (d *drawer) query() string {
	var pairs []string
	for _, p := range d.r.op.params {
		if p.Value.In != openapi3.ParameterInQuery || !p.Value.Required && !d.chance(35) {
			continue
		}
		for range 1 + d.times(p.Value) {
			pairs = append(pairs, url.QueryEscape(p.Value.Name)+"="+url.QueryEscape(d.parameter(p.Value)))
		}
		if d.wrong("query value", 12) {
			pairs[len(pairs)-1] = url.QueryEscape(p.Value.Name) + pick(d, []string{"", "=", "=%00", "=%ff", "=%zz", "=a;b", "=[]", "=9223372036854775808", "=-0", "=1e9", "=%27--", "=null", "=TRUE", "=" + strings.Repeat("x", 4000)})
		}
	}
	if d.wrong("unknown query parameter", 6) {
		pairs = append(pairs, pick(d, []string{"x=1", "dryrun=true", "limit[]=1", "%00=1", "&&", "=", "a=b;c=d", "DRY_RUN=true", "\xff\xfe=1", "__proto__=1"}))
		d.r.refuse = d.r.refuse || !strings.HasPrefix(pairs[len(pairs)-1], "&")
	}
	if len(pairs) == 0 {
		return ""
	}
	return "?" + strings.Join(pairs, "&")
}

// times is how often more a list parameter stands, or one that may stand once.
func (d *drawer) times(p *openapi3.Parameter) int {
	if p.Schema.Value.Type.Is(openapi3.TypeArray) {
		return d.upTo(3)
	}
	if d.wrong("repeated parameter", 3) {
		d.r.refuse = true
		return 1
	}
	return 0
}

// parameter is the text of a parameter's value.
func (d *drawer) parameter(p *openapi3.Parameter) string {
	schema := p.Schema.Value
	if schema.Type.Is(openapi3.TypeArray) {
		schema = schema.Items.Value
	}
	switch v := d.value(p.Name, schema, 0).(type) {
	case text:
		return string(v)
	case raw:
		return string(v)
	default:
		return string(encode(v))
	}
}

// headers draws those of the document, and others.
func (d *drawer) headers() {
	for _, p := range d.r.op.params {
		if p.Value.In != openapi3.ParameterInHeader {
			continue
		}
		d.headerOf(p.Value)
	}
	if d.wrong("header", 5) {
		name := pick(d, []string{"Content-Encoding", "Accept", "Traceparent", "X-Request-Id", "If-None-Match", "X-Forwarded-For", "Range", "Cookie", "User-Agent"})
		d.r.header[name] = []string{pick(d, []string{"gzip", "*/*;q=9", "\xff\xfe", strings.Repeat("a", 2000), "bytes=0-1", `W/"1", "`, "00-0-0-0", "", "\t"})}
	}
}

func (d *drawer) headerOf(p *openapi3.Parameter) {
	name := http.CanonicalHeaderKey(p.Name)
	switch {
	case p.Name == "Idempotency-Key":
		if strings.Contains(d.r.target, "dry_run=true") && d.chance(50) {
			return // which needs none
		}
		d.r.header[name] = []string{"k-" + strconv.FormatUint(rapid.Uint64().Draw(d.t, "key"), 36)}
		if d.wrong("key", 8) {
			d.r.header[name] = pick(d, [][]string{nil, {""}, {"k", "k"}, {strings.Repeat("k", 256)}, {"ke y"}, {"sch\xf6n"}})
			d.r.refuse = d.r.refuse || !strings.Contains(d.r.target, "dry_run") && d.r.op.path != "/v1/bulk"
		}
		return
	case p.Name == "Passbook-Min-Position" && d.chance(90), !p.Required && d.chance(70):
		return // most requests have none of them
	case p.Name == "Passbook-Min-Position":
		d.r.header["Prefer"] = []string{pick(d, []string{"wait=0", "wait=1", "respond-async, wait=0", "wait=0; x"})}
	case p.Name == "Prefer":
		return
	}
	d.r.header[name] = []string{visible(d.parameter(p))}
	if d.wrong("header value", 10) {
		d.r.header[name] = []string{pick(d, []string{"", "*", `W/"1"`, `"-1"`, "99999999999999999999", "\xff", strings.Repeat("1", 5000), "1, 2", `"1`, "0x1"})}
	}
}

// visible leaves out what no client can send in a header.
func visible(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, value)
}
