package httpapi

import (
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// document is an OpenAPI document: what is served at /openapi.json, and what faulty requests are explained by.
type document struct {
	spec *openapi3.T
	json []byte
}

func loadDocument(yaml []byte) (*document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(yaml)
	if err != nil {
		return nil, fmt.Errorf("load OpenAPI document: %w", err)
	}
	text, err := spec.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write OpenAPI document as JSON: %w", err)
	}
	return &document{spec: spec, json: text}, nil
}

// operation finds what the document says about a route; nil when nothing.
func (d *document) operation(r Route) *openapi3.Operation {
	item := d.spec.Paths.Value(r.Path)
	if item == nil {
		return nil
	}
	return item.GetOperation(r.Method)
}

// routes lists the operations of the document.
func (d *document) routes() []Route {
	var routes []Route
	for path, item := range d.spec.Paths.Map() {
		for method := range item.Operations() {
			routes = append(routes, Route{method, path})
		}
	}
	return routes
}

// bodySchema is the schema of the operation's JSON body; nil when it has none.
func bodySchema(op *openapi3.Operation) *openapi3.Schema {
	if op == nil || op.RequestBody == nil {
		return nil
	}
	media := op.RequestBody.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil
	}
	return media.Schema.Value
}

// bodyOptional tells whether the operation's body may be left out.
func bodyOptional(op *openapi3.Operation) bool {
	return op != nil && op.RequestBody != nil && !op.RequestBody.Value.Required
}

// queryParameters are the operation's query parameters by name.
func queryParameters(op *openapi3.Operation) map[string]*openapi3.Schema {
	found := map[string]*openapi3.Schema{}
	if op == nil {
		return found
	}
	for _, p := range op.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			found[p.Value.Name] = p.Value.Schema.Value
		}
	}
	return found
}
