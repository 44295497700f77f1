// Package docpage makes a page for people from an OpenAPI document. The page is one file: style and script stand in it and are
// allowed by their hashes, so that it loads nothing from anywhere, and what is in the document can run nothing. Without the
// script everything can be read; it adds a search.
package docpage

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the parts of the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed page.html
var pageText string

//go:embed page.css
var style string

//go:embed page.js
var script string

// indentation is for those who read the template: it would be a third of the page.
var indentation = regexp.MustCompile(`\n\s+`)

// Page is a page with what a browser must be told about it.
type Page struct {
	HTML   []byte
	Policy string // Content-Security-Policy
}

// Make makes the page of a document.
func Make(spec *openapi3.T) (*Page, error) {
	page, err := template.New("page").Funcs(template.FuncMap{
		"prose": prose, "words": words, "kind": kindOf, "rules": rulesOf, "ref": refName, "rows": rowsOf, "pretty": pretty, "scopes": scopesOf,
		"upper": strings.ToUpper, "lower": strings.ToLower, "body": bodyOf,
	}).Parse(indentation.ReplaceAllString(pageText, "\n"))
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{
		"Spec": spec, "Groups": groupsOf(spec), "Schemas": schemasOf(spec), "Shared": sharedOf(spec),
		"Style": template.CSS(style), "Script": template.JS(script), //nolint:gosec // our own files
	})
	if err != nil {
		return nil, fmt.Errorf("make page of %s: %w", spec.Info.Title, err)
	}
	policy := "default-src 'none'; style-src '" + hash(style) + "'; script-src '" + hash(script) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return &Page{HTML: out.Bytes(), Policy: policy}, nil
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// group is the operations of one tag.
type group struct {
	Name, Description string
	Operations        []operation
}

// operation is one with its address and all its parameters.
type operation struct {
	*openapi3.Operation
	Method, Path string
	All          []*openapi3.Parameter
	Answers      []answer
}

// answer is what an operation may be answered.
type answer struct {
	Status string
	Shared string // the name under which many operations have it; "" of one that is its operation's own
	*openapi3.Response
	Media   string
	Content *openapi3.MediaType
}

// groupsOf are the operations by their first tag, in the order of the tags; those without one come last.
func groupsOf(spec *openapi3.T) []group {
	var groups []group
	for _, tag := range append(slices.Clone(spec.Tags), &openapi3.Tag{Name: "other"}) {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(spec.Paths.Map())) {
			item := spec.Paths.Value(path)
			for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
				if op := item.Operations()[method]; firstTag(op) == tag.Name {
					g.Operations = append(g.Operations, operationOf(method, path, item, op))
				}
			}
		}
		if len(g.Operations) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func firstTag(op *openapi3.Operation) string {
	if len(op.Tags) == 0 {
		return "other"
	}
	return op.Tags[0]
}

func operationOf(method, path string, item *openapi3.PathItem, op *openapi3.Operation) operation {
	o := operation{Operation: op, Method: method, Path: path}
	for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
		o.All = append(o.All, p.Value)
	}
	order := []string{openapi3.ParameterInPath, openapi3.ParameterInQuery, openapi3.ParameterInHeader}
	slices.SortStableFunc(o.All, func(a, b *openapi3.Parameter) int { return slices.Index(order, a.In) - slices.Index(order, b.In) })
	for _, status := range slices.Sorted(maps.Keys(op.Responses.Map())) {
		o.Answers = append(o.Answers, answerOf(status, op.Responses.Value(status)))
	}
	return o
}

func answerOf(status string, r *openapi3.ResponseRef) answer {
	a := answer{Status: status, Response: r.Value}
	a.Shared, _ = strings.CutPrefix(r.Ref, "#/components/responses/")
	for _, media := range slices.Sorted(maps.Keys(r.Value.Content)) {
		a.Media, a.Content = media, r.Value.Content[media]
		break
	}
	return a
}

// sharedOf are the answers that many operations have.
func sharedOf(spec *openapi3.T) (list []answer) {
	if spec.Components == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Components.Responses)) {
		a := answerOf("", spec.Components.Responses[name])
		a.Shared = name
		list = append(list, a)
	}
	return list
}

// named is a schema under its name.
type named struct {
	Name string
	*openapi3.Schema
}

func schemasOf(spec *openapi3.T) []named {
	var list []named
	if spec.Components == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Components.Schemas)) {
		list = append(list, named{name, spec.Components.Schemas[name].Value})
	}
	return list
}

// body is what is sent with a request.
type body struct {
	Media    string
	Required bool
	*openapi3.MediaType
}

func bodyOf(op operation) (list []body) {
	if op.RequestBody == nil {
		return nil
	}
	content := op.RequestBody.Value.Content
	for _, media := range slices.Sorted(maps.Keys(content)) {
		list = append(list, body{media, op.RequestBody.Value.Required, content[media]})
	}
	return list
}

// row is one property of an object.
type row struct {
	Name     string
	Required bool
	*openapi3.SchemaRef
}

func rowsOf(s *openapi3.Schema) (rows []row) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		rows = append(rows, row{name, slices.Contains(s.Required, name), s.Properties[name]})
	}
	slices.SortStableFunc(rows, func(a, b row) int { // what must be there comes first
		if a.Required == b.Required {
			return 0
		} else if a.Required {
			return -1
		}
		return 1
	})
	return rows
}

func scopesOf(op operation) []string {
	list, _ := op.Extensions["x-scopes"].([]any)
	var scopes []string
	for _, scope := range list {
		scopes = append(scopes, fmt.Sprint(scope))
	}
	return scopes
}

func refName(r *openapi3.SchemaRef) string {
	if r == nil {
		return ""
	}
	name, _ := strings.CutPrefix(r.Ref, "#/components/schemas/")
	return name
}

// kindOf is the type of a schema in words.
func kindOf(s *openapi3.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Type.Is(openapi3.TypeArray):
		if name := refName(s.Items); name != "" {
			return "array of " + name
		}
		return "array of " + kindOf(s.Items.Value)
	case len(s.OneOf) > 0:
		return "one of " + unionOf(s.OneOf)
	case len(s.AnyOf) > 0:
		return "any of " + unionOf(s.AnyOf)
	case len(s.AllOf) > 0:
		return "all of " + unionOf(s.AllOf)
	case s.Type == nil || len(s.Type.Slice()) == 0:
		return "anything"
	}
	kind := strings.Join(s.Type.Slice(), " or ")
	if s.Format != "" {
		kind += " (" + s.Format + ")"
	}
	if inner := s.AdditionalProperties.Schema; inner != nil {
		kind += " of " + kindOf(inner.Value)
	}
	return kind
}

func unionOf(refs openapi3.SchemaRefs) string {
	var names []string
	for _, ref := range refs {
		if name := refName(ref); name != "" {
			names = append(names, name)
		} else {
			names = append(names, kindOf(ref.Value))
		}
	}
	return strings.Join(names, ", ")
}

// rulesOf is what else holds for a value.
func rulesOf(s *openapi3.Schema) (rules []string) {
	add := func(format string, args ...any) { rules = append(rules, fmt.Sprintf(format, args...)) }
	if s.Min != nil {
		add("at least %.0f", *s.Min)
	}
	if s.Max != nil {
		add("at most %.0f", *s.Max)
	}
	switch {
	case s.MinLength > 0 && s.MaxLength != nil:
		add("%d to %d characters", s.MinLength, *s.MaxLength)
	case s.MaxLength != nil:
		add("at most %d characters", *s.MaxLength)
	case s.MinLength > 0:
		add("at least %d characters", s.MinLength)
	}
	if s.MaxItems != nil {
		add("at most %d entries", *s.MaxItems)
	}
	if s.MaxProps != nil {
		add("at most %d entries", *s.MaxProps)
	}
	if s.Pattern != "" {
		add("like %s", s.Pattern)
	}
	if len(s.Enum) > 0 {
		var values []string
		for _, value := range s.Enum {
			values = append(values, fmt.Sprint(value))
		}
		add("%s", strings.Join(values, " · "))
	}
	if s.Default != nil {
		add("%v when absent", s.Default)
	}
	return rules
}

// pretty writes an example.
func pretty(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return "", fmt.Errorf("write example: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}
