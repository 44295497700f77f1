package main

import (
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                  "make bench ARGS='-rounds 3 -seconds 5'",
		"-rounds 1 -seconds 0.5":            "make bench ARGS='-rounds 1 -seconds 0.5'",
		"-only store,emmett -write x.md":    "make bench ARGS='-rounds 3 -seconds 5 -only store,emmett'",
		"-json x.json -dir /data -rounds 7": "make bench ARGS='-rounds 7 -seconds 5'",
	} {
		o, err := parse(strings.Fields(args), t.Output())
		if err != nil {
			t.Fatal(err)
		}
		if got := o.command(); got != want {
			t.Errorf("%q is told as %q, want %q", args, got, want)
		}
	}
}

func TestExitCodesOfWrongFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{"-rounds 0": 2, "-seconds -1": 2, "-only nobody": 2, "-colour": 2, "more": 2, "-h": 0} {
		if got := run(t.Context(), strings.Fields(args), t.Output(), t.Output()); got != want {
			t.Errorf("%q exits with %d, want %d", args, got, want)
		}
	}
}
