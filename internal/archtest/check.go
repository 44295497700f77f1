package archtest

import (
	"fmt"
	"go/ast"
	"io/fs"
	"slices"
	"strings"
)

// Violation is one place where the module breaks a rule.
type Violation struct {
	Where   string // file:line, or a directory
	Problem string
	Why     string // the rule's reason
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s (%s)", v.Where, v.Problem, v.Why)
}

// Check holds every Go file of the module at the root of fsys to the rules and returns what breaks them, in path order.
// The error is about reading: a file that cannot be read or does not parse.
func Check(fsys fs.FS, rules Rules) ([]Violation, error) {
	module, files, err := parseModule(fsys)
	if err != nil {
		return nil, err
	}
	var found []Violation
	for _, f := range files {
		found = append(found, checkArrows(f, rules.Arrows)...)
		found = append(found, checkJoins(f, module, rules.Joins)...)
		found = append(found, checkCalls(f, rules.Calls)...)
		found = append(found, checkLength(f, rules.MaxLines)...)
	}
	return append(found, checkDocs(files)...), nil
}

func checkArrows(f *file, arrows []Arrow) []Violation {
	var found []Violation
	for _, a := range arrows {
		if !a.Files.covers(f) || !governs(a.From, a.Except, f.pkg) {
			continue
		}
		for _, imp := range f.imports {
			if a.refuses(imp.path) {
				found = append(found, Violation{f.at(imp.pos), fmt.Sprintf("%s imports %s", f.pkg, imp.path), a.Why})
			}
		}
	}
	return found
}

func (a Arrow) refuses(path string) bool {
	if matchAny(a.Never, path) {
		return true
	}
	return a.Only != nil && !standard(path) && !matchAny(a.Only, path)
}

func checkJoins(f *file, module string, joins []Join) []Violation {
	var found []Violation
	for _, j := range joins {
		if f.test || matchAny(j.In, f.pkg) || insideEither(f.pkg, module, j.Both) {
			continue
		}
		if f.importsMatching(j.Both[0]) && f.importsMatching(j.Both[1]) {
			problem := fmt.Sprintf("%s imports both %s and %s", f.pkg, j.Both[0], j.Both[1])
			found = append(found, Violation{f.path, problem, j.Why})
		}
	}
	return found
}

// insideEither lets the joined packages themselves off: the arrows are about them.
func insideEither(pkg, module string, both [2]string) bool {
	return module+"/"+pkg == both[0] || module+"/"+pkg == both[1]
}

func checkCalls(f *file, calls []Call) []Violation {
	if f.generated {
		return nil
	}
	var found []Violation
	for _, c := range calls {
		if !c.Files.covers(f) || !governs(c.In, c.Except, f.pkg) {
			continue
		}
		for _, use := range f.selectors {
			if slices.ContainsFunc(c.Functions, use.is) {
				found = append(found, Violation{f.at(use.pos), "uses " + use.String(), c.Why})
			}
		}
	}
	return found
}

func (s scope) covers(f *file) bool {
	return s == everyFile || (s == tests) == f.test
}

func checkLength(f *file, most int) []Violation {
	if f.generated || f.lines <= most {
		return nil
	}
	problem := fmt.Sprintf("%d lines, more than %d", f.lines, most)
	return []Violation{{f.path, problem, "a file is read at one sitting; one noun, one file"}}
}

// checkDocs wants a doc comment in one hand-written file of each package; the files of an external test package count
// for the directory they stand in.
func checkDocs(files []*file) []Violation {
	documented := map[string]bool{}
	var order []string
	for _, f := range files {
		if f.generated {
			continue
		}
		if _, seen := documented[f.pkg]; !seen {
			order = append(order, f.pkg)
		}
		documented[f.pkg] = documented[f.pkg] || hasDoc(f.syntax)
	}
	var found []Violation
	for _, pkg := range order {
		if !documented[pkg] {
			found = append(found, Violation{pkg, "no package doc comment", "a reader meets the package before its code"})
		}
	}
	return found
}

func hasDoc(syntax *ast.File) bool {
	return syntax.Doc != nil && strings.TrimSpace(syntax.Doc.Text()) != ""
}

// governs tells whether a rule with these lists is about pkg.
func governs(in, except []string, pkg string) bool {
	return (len(in) == 0 || matchAny(in, pkg)) && !matchAny(except, pkg)
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, path) })
}

func match(pattern, path string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == root || strings.HasPrefix(path, root+"/")
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return path == pattern
}
