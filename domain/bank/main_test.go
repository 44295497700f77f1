package bank_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// More stories, and longer ones, than rapid tells by itself: many rules only meet after some time.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "2000", "rapid.steps": "60"} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	flag.Parse() // what the command line says counts more
	os.Exit(m.Run())
}
