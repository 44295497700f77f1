package client_test

import (
	"os"
	"strings"
	"testing"
)

// The Go example in the README is the body of Example, which runs.
func TestReadmeHasTheExample(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(readme), "```go\n")
	shown, _, _ = strings.Cut(shown, "```")
	_, example, _ := strings.Cut(string(source), "func Example() {")
	example, _, _ = strings.Cut(example, "\n}\n")
	if !found || !strings.Contains(strings.ReplaceAll(example, "\n\t", "\n"), shown) {
		t.Errorf("the README shows\n%s\nthe example is\n%s", shown, example)
	}
}
