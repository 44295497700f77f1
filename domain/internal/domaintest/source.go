package domaintest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Source is the syntax of the package under test, its tests left out. The compiler does not know that a set of types is closed; the
// source tells where a member of the set is missing.
type Source struct{ declarations []ast.Decl }

// ReadSource reads the package in whose directory the test runs.
func ReadSource(t *testing.T) Source {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source Source
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

// Place is somewhere in the source, or in a test, where all members of a set must stand, and no others.
type Place struct {
	Where     string
	Got, Want []string // names of types
}

// At makes a Place.
func At(where string, got, want []string) Place { return Place{where, got, want} }

// Check fails for every member that is missing at a place, and for whatever stands there beside them. Of each set at least so many must
// have been found, or the test has lost its subject.
func Check(t *testing.T, least int, sets map[string][]string, places ...Place) {
	t.Helper()
	for set, members := range sets {
		if len(members) < least {
			t.Fatalf("only %v found as %s: this test has lost its subject", members, set)
		}
	}
	for _, p := range places {
		for _, missing := range without(p.Want, p.Got) {
			t.Errorf("%s is missing in %s", missing, p.Where)
		}
		for _, extra := range without(p.Got, p.Want) {
			t.Errorf("%s stands in %s but is not of the set", extra, p.Where)
		}
	}
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// Panics fails for every call that returns.
func Panics(t *testing.T, calls map[string]func()) {
	t.Helper()
	for name, call := range calls {
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

// TypeName is the name of a value's type, without its package.
func TypeName(v any) string { return reflect.TypeOf(v).Name() }

// Receivers returns the types that have a method of this name.
func (s Source) Receivers(method string) []string {
	var types []string
	for _, d := range s.declarations {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == method {
			types = append(types, identifier(f.Recv.List[0].Type))
		}
	}
	return types
}

// SwitchCases returns the types in the cases of the type switches in a function.
func (s Source) SwitchCases(t *testing.T, function string) []string {
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

// Literals returns the types of the values that are written out in a function's slice literals.
func (s Source) Literals(t *testing.T, function string) []string {
	t.Helper()
	var types []string
	ast.Inspect(s.function(t, function), func(n ast.Node) bool {
		list, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if _, isSlice := list.Type.(*ast.ArrayType); !isSlice {
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

// LiteralArguments returns the types of the values that are written out as arguments of calls in a function.
func (s Source) LiteralArguments(t *testing.T, function string) []string {
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

// HasField reports whether a struct has a field of this name.
func (s Source) HasField(structName, field string) bool {
	found := false
	for _, d := range s.declarations {
		ast.Inspect(d, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != structName {
				return true
			}
			ast.Inspect(spec, func(n ast.Node) bool {
				if f, ok := n.(*ast.Field); ok {
					found = found || slices.ContainsFunc(f.Names, func(name *ast.Ident) bool { return name.Name == field })
				}
				return true
			})
			return false
		})
	}
	return found
}

func (s Source) function(t *testing.T, name string) *ast.FuncDecl {
	t.Helper()
	for _, d := range s.declarations {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
			return f
		}
	}
	t.Fatalf("no function %s", name)
	return nil
}

func identifier(expression ast.Expr) string {
	if name, ok := expression.(*ast.Ident); ok {
		return name.Name
	}
	return "?"
}
