package config

import (
	"os"
	"strings"
	"testing"
)

// docs/operations.md names every variable that a binary reads.
func TestEveryVariableIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, binary := range []string{"command-api", "query-api", "projector", "webhooks", "log-reader", "migrate"} {
		for _, variable := range Variables(binary) {
			known := func(name string) bool { return strings.Contains(string(page), "`"+name+"`") }
			if !known(variable.Name) && !known(strings.TrimSuffix(variable.Name, fileSuffix)) {
				t.Errorf("docs/operations.md does not say what %s of %s is", variable.Name, binary)
			}
		}
	}
}
