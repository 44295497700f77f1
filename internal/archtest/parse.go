package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// file is what the checks need to know of one Go file.
type file struct {
	path      string // relative to the module, slashes
	pkg       string // its directory, "." at the root
	test      bool
	generated bool
	lines     int
	imports   []importSpec
	selectors []selector
	syntax    *ast.File
	positions *token.FileSet
}

type importSpec struct {
	path string
	pos  token.Pos
}

// selector is a mention of x.Name; path is set when x is an imported package.
type selector struct {
	path string
	name string
	pos  token.Pos
}

// is compares with the form the rules use: "time.Sleep" for a function of a package, "*.Skip" for any method.
func (s selector) is(function string) bool {
	pkg, name, _ := strings.Cut(function, ".")
	if name != s.name {
		return false
	}
	if pkg == "*" {
		return s.path == ""
	}
	return s.path != "" && packageName(s.path) == pkg
}

func (s selector) String() string {
	if s.path == "" {
		return "method " + s.name
	}
	return packageName(s.path) + "." + s.name
}

func (f *file) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.path, f.positions.Position(pos).Line)
}

func (f *file) importsMatching(pattern string) bool {
	return slices.ContainsFunc(f.imports, func(i importSpec) bool { return match(pattern, i.path) })
}

// parseModule reads every Go file below the root of fsys that belongs to the module whose go.mod stands there.
func parseModule(fsys fs.FS) (module string, files []*file, err error) {
	module, err = moduleName(fsys)
	if err != nil {
		return "", nil, err
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && outside(fsys, name):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		f, err := parseFile(fsys, name)
		files = append(files, f)
		return err
	})
	return module, files, err
}

func moduleName(fsys fs.FS) (string, error) {
	text, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("find the module: go.mod names none")
}

// outside tells whether a directory is no part of the module: the go command's own rules, and installed npm packages.
func outside(fsys fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	base := path.Base(dir)
	if base == "testdata" || base == "node_modules" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func parseFile(fsys fs.FS, name string) (*file, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	f := &file{
		path:      name,
		pkg:       path.Dir(name),
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(syntax),
		lines:     bytes.Count(text, []byte("\n")),
		syntax:    syntax,
		positions: positions,
	}
	f.readImports()
	return f, nil
}

// readImports fills imports and selectors. A local variable that shadows a package's name is taken for the package: the
// checks would rather be wrong about a confusing name than resolve types.
func (f *file) readImports() {
	byName := map[string]string{}
	for _, spec := range f.syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has already refused it
		}
		f.imports = append(f.imports, importSpec{imported, spec.Pos()})
		byName[localName(spec, imported)] = imported
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			found := selector{name: sel.Sel.Name, pos: sel.Pos()}
			if x, ok := sel.X.(*ast.Ident); ok {
				found.path = byName[x.Name]
			}
			f.selectors = append(f.selectors, found)
		}
		return true
	})
}

func localName(spec *ast.ImportSpec, imported string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	return packageName(imported)
}

// packageName guesses a package's name from its import path: the last element that is no major version.
func packageName(imported string) string {
	base := path.Base(imported)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(imported))
	}
	return base
}

// standard tells whether an import path is of the standard library: its first element is no domain name. Our own module
// has no dot either.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != "passbook"
}
