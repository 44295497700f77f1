package client_test

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"passbook/api"
)

// byHand are the operations that templates do not know; their own tests are beside them.
var byHand = []string{"stream", "bulk"}

// Each operation of both documents has a method that asks it: its method, its path, and of its parameters all, a key if it has one and nothing else.
func TestEachOperationHasItsMethod(t *testing.T) {
	t.Parallel()
	for host, text := range map[string][]byte{"command": api.Command, "query": api.Query} {
		spec, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			t.Fatal(err)
		}
		for path, item := range spec.Paths.Map() {
			for method, op := range item.Operations() {
				if slices.Contains(byHand, op.OperationID) {
					continue
				}
				r := asked(t, op.OperationID)
				if r == nil {
					t.Errorf("%s %s has no method", method, path)
					continue
				}
				if r.Method != method || r.URL.Host != host || !fits(path, r.URL.Path) {
					t.Errorf("%s asks %s %s, the operation is %s %s", op.OperationID, r.Method, r.URL, method, path)
				}
				query, key := documented(slices.Concat(item.Parameters, op.Parameters))
				if sent := slices.Sorted(maps.Keys(r.URL.Query())); !slices.Equal(sent, query) {
					t.Errorf("%s sends the parameters %q, it has %q", op.OperationID, sent, query)
				}
				if sent := r.Header.Get("Idempotency-Key") != ""; sent != key {
					t.Errorf("%s sends a key: %v, it has one: %v", op.OperationID, sent, key)
				}
				if sent := r.Header.Get("Content-Type") != ""; sent != (op.RequestBody != nil) {
					t.Errorf("%s sends a body: %v, it has one: %v", op.OperationID, sent, op.RequestBody != nil)
				}
			}
		}
	}
}

// asked calls the method of an operation with something in every argument and returns what it asks; nil when there is no such method.
func asked(t *testing.T, operationID string) *http.Request {
	t.Helper()
	bank := &script{steps: []step{{status: 200, body: `{}`}}}
	method := reflect.ValueOf(bank.client(t)).MethodByName(strings.ToUpper(operationID[:1]) + operationID[1:])
	if !method.IsValid() {
		return nil
	}
	arguments := []reflect.Value{reflect.ValueOf(t.Context())}
	for i := 1; i < method.Type().NumIn()-1; i++ { // the last ones are the options
		argument := reflect.New(method.Type().In(i)).Elem()
		fill(argument)
		arguments = append(arguments, argument)
	}
	results := method.Call(arguments)
	if err, _ := results[len(results)-1].Interface().(error); err != nil || len(bank.seen) != 1 {
		t.Errorf("%s: %v", operationID, err)
		return nil
	}
	return bank.seen[0]
}

// fill makes a value that is not zero, as deep as parameters go.
func fill(v reflect.Value) {
	switch value := v.Addr().Interface().(type) {
	case *uuid.UUID:
		*value = account
		return
	case *time.Time:
		*value = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		if strings.HasSuffix(v.Type().Name(), "Params") { // of a body it does not matter what is in it
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		}
	}
}

// documented are the parameters that a method has: those of the query but for dry runs, which are an option, and whether there is a key.
func documented(params openapi3.Parameters) (query []string, key bool) {
	for _, p := range params {
		switch {
		case p.Value.Name == "Idempotency-Key":
			key = true
		case p.Value.In == openapi3.ParameterInQuery && p.Value.Name != "dry_run":
			query = append(query, p.Value.Name)
		}
	}
	slices.Sort(query)
	return query, key
}

// fits tells whether a path is of a template.
func fits(template, path string) bool {
	parts, given := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(parts, given, func(part, given string) bool {
		return part == given || strings.HasPrefix(part, "{") && given != ""
	})
}
