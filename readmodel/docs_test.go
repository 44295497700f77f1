package readmodel_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// excerpt is a block of code in a document, below the name of the file that it is from.
var excerpt = regexp.MustCompile("(?ms)^`([^`\\n]+)`:\\n\\n```[a-z]+\\n(.*?)\\n```$")

// What docs/projections.md shows is what stands in the files.
func TestTheWorkedExampleIsTrue(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/projections.md")
	if err != nil {
		t.Fatal(err)
	}
	found := excerpt.FindAllSubmatch(document, -1)
	if len(found) < 10 {
		t.Errorf("only %d excerpts", len(found))
	}
	for _, e := range found {
		file, err := os.ReadFile(filepath.Join("..", string(e[1])))
		if err != nil || !strings.Contains(string(file), string(e[2])) {
			t.Errorf("not in %s: %v\n%s", e[1], err, e[2])
		}
	}
}
