package approval_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"passbook/domain/approval"
)

// The compiler does not know that the sets of commands, events and refusals are closed. This reads the package's source and
// fails when one of them is missing where all must be.
func TestEveryCaseIsHandledEverywhere(t *testing.T) {
	t.Parallel()
	source := parseSource(t)
	commands, events, refusals := source.receivers("isCommand"), source.receivers("isEvent"), source.receivers("isRefusal")
	for set, members := range map[string][]string{"commands": commands, "events": events, "refusals": refusals} {
		if len(members) < 4 {
			t.Fatalf("only %v found as %s: this test has lost its subject", members, set)
		}
	}
	for _, tt := range []struct {
		where     string
		got, want []string
	}{
		{"Decide", source.switchCases(t, "Decide"), commands},
		{"Evolve", source.switchCases(t, "Evolve"), events},
		{"Encode", source.switchCases(t, "Encode"), events},
		{"Decode", source.literalArguments(t, "Decode"), events},
		{"fault", source.receivers("fault"), events},
		{"fingerprintHistory", source.literals(t, "fingerprintHistory"), events},
		{"Refusals", source.literals(t, "Refusals"), refusals},
		{"Error", source.receivers("Error"), refusals},
		{"the samples of this test", sampleTypes(), events},
	} {
		for _, missing := range without(tt.want, tt.got) {
			t.Errorf("%s is missing in %s", missing, tt.where)
		}
		for _, extra := range without(tt.got, tt.want) {
			t.Errorf("%s stands in %s but is not of the set", extra, tt.where)
		}
	}
}

// Types lists what Encode writes: the same names and schemas, each of them once.
func TestTypesAreThoseThatAreEncoded(t *testing.T) {
	t.Parallel()
	encoded := map[approval.EventType]string{}
	for _, s := range samples {
		name, schema, _ := approval.Encode(s.event)
		key, goType := approval.EventType{Name: name, Schema: schema}, typeName(s.event)
		if other, known := encoded[key]; known && other != goType {
			t.Errorf("%v is both %s and %s", key, other, goType)
		}
		encoded[key] = goType
	}
	types := approval.Types()
	if len(types) != len(encoded) {
		t.Errorf("%d types, %d are encoded", len(types), len(encoded))
	}
	names := map[string]bool{}
	for _, known := range types {
		if encoded[known] == "" || names[known.Name] {
			t.Errorf("%v is not encoded, or listed twice", known)
		}
		names[known.Name] = true
	}
}

func TestACaseOutsideTheSetPanics(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(){
		"Decide":                 func() { _, _ = approval.Decide(approval.State{}, nil, time.Time{}) },
		"Evolve":                 func() { approval.Evolve(approval.State{}, nil, time.Time{}) },
		"Encode":                 func() { approval.Encode(nil) },
		"a pointer to a command": func() { _, _ = approval.Decide(approval.State{}, &approval.Expire{}, time.Time{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			call()
		}()
	}
}

func sampleTypes() []string {
	names := map[string]bool{}
	for _, s := range samples {
		names[typeName(s.event)] = true
	}
	return slices.Collect(maps.Keys(names))
}

func typeName(v any) string { return reflect.TypeOf(v).Name() }

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// packageSource is the syntax of the package's own files, tests left out.
type packageSource struct{ declarations []ast.Decl }

func parseSource(t *testing.T) packageSource {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source packageSource
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		source.declarations = append(source.declarations, parsed.Decls...)
	}
	return source
}

// receivers returns the types that have a method of this name.
func (s packageSource) receivers(method string) []string {
	var types []string
	for _, d := range s.declarations {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == method {
			types = append(types, identifier(f.Recv.List[0].Type))
		}
	}
	return types
}

func (s packageSource) function(t *testing.T, name string) *ast.FuncDecl {
	t.Helper()
	for _, d := range s.declarations {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
			return f
		}
	}
	t.Fatalf("no function %s", name)
	return nil
}

// switchCases returns the types in the cases of the type switch in a function.
func (s packageSource) switchCases(t *testing.T, function string) []string {
	t.Helper()
	var cases []string
	ast.Inspect(s.function(t, function), func(n ast.Node) bool {
		if typeSwitch, ok := n.(*ast.TypeSwitchStmt); ok {
			for _, clause := range typeSwitch.Body.List {
				for _, expression := range clause.(*ast.CaseClause).List {
					cases = append(cases, identifier(expression))
				}
			}
		}
		return true
	})
	return cases
}

// literals returns the types of the values that are written out in a function's slice literal.
func (s packageSource) literals(t *testing.T, function string) []string {
	t.Helper()
	var types []string
	ast.Inspect(s.function(t, function), func(n ast.Node) bool {
		list, ok := n.(*ast.CompositeLit)
		if _, isSlice := typeOf(list, ok).(*ast.ArrayType); !isSlice {
			return true
		}
		for _, element := range list.Elts {
			if value, ok := element.(*ast.CompositeLit); ok {
				types = append(types, identifier(value.Type))
			}
		}
		return true
	})
	slices.Sort(types)
	return slices.Compact(types)
}

func typeOf(literal *ast.CompositeLit, ok bool) ast.Expr {
	if !ok {
		return nil
	}
	return literal.Type
}

// literalArguments returns the types of the values that are written out as arguments of calls in a function.
func (s packageSource) literalArguments(t *testing.T, function string) []string {
	t.Helper()
	var types []string
	ast.Inspect(s.function(t, function), func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			for _, argument := range call.Args {
				if value, ok := argument.(*ast.CompositeLit); ok {
					types = append(types, identifier(value.Type))
				}
			}
		}
		return true
	})
	return types
}

func identifier(expression ast.Expr) string {
	if name, ok := expression.(*ast.Ident); ok {
		return name.Name
	}
	return "?"
}
