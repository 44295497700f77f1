package httpapi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	limitRow   = regexp.MustCompile("(?m)^\\| `([a-z_]+)`[:;]")
	limitConst = regexp.MustCompile(`(?m)^\tlimit\w+ += "([a-z_]+)"`)
	limitText  = regexp.MustCompile(`Text\("limit", "([a-z_]+)"\)`)
)

// TestLimitsAreDocumentedAndTried compares the limits that problems name with the table for operators, and looks for each of them in a
// test.
func TestLimitsAreDocumentedAndTried(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented, named := map[string]bool{}, map[string]bool{}
	for _, row := range limitRow.FindAllSubmatch(guide, -1) {
		documented[string(row[1])] = true
	}
	var tests strings.Builder
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(sources, deeper...) {
		source, err := os.ReadFile(path)
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.HasSuffix(path, "_test.go"):
			tests.Write(source)
		default:
			for _, name := range append(limitConst.FindAllSubmatch(source, -1), limitText.FindAllSubmatch(source, -1)...) {
				named[string(name[1])] = true
			}
		}
	}
	for name := range named {
		if !documented[name] {
			t.Errorf("%s is in no row of docs/operations.md", name)
		}
		if !strings.Contains(tests.String(), `"`+name+`"`) {
			t.Errorf("%s is in no test", name)
		}
	}
	for name := range documented {
		if !named[name] {
			t.Errorf("%s is documented, and no problem names it", name)
		}
	}
	if len(named) < 10 {
		t.Errorf("only %d limits: %v", len(named), named)
	}
}
