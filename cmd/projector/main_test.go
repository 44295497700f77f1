package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"passbook/internal/actions"
	"passbook/internal/console"
	"passbook/internal/pgtest"
	"passbook/internal/schema"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// started is what a run of the command line left behind.
type started struct {
	code       int
	out, notes string
}

func start(t *testing.T, environ map[string]string, args ...string) started {
	t.Helper()
	var out, notes bytes.Buffer
	code := run(t.Context(), args, environ, strings.NewReader(""), &out, &notes)
	return started{code, out.String(), notes.String()}
}

func bank(t *testing.T) (*pgtest.DB, map[string]string) {
	t.Helper()
	db := pgtest.New(t, schema.Sets()...)
	return db, map[string]string{"DATABASE_URL": db.URL}
}

func TestEveryCommandShowsExamples(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(false)
	if len(leaves) < 3 {
		t.Fatalf("only %d commands", len(leaves))
	}
	for _, command := range leaves {
		if command.Help == "" {
			t.Errorf("%s: no line in the list of commands", command.Path())
		}
		if path := "projector " + strings.TrimPrefix(command.Path(), parser.Model.Name+" "); !strings.Contains(command.Detail, "Examples:\n") || command.Name != "serve" && !strings.Contains(command.Detail, "  "+path) {
			t.Errorf("%s: no example of it in its help: %q", path, command.Detail)
		}
	}
}

func TestExitCodesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":                            {[]string{"--help"}, console.ExitOK, ""},
		"help of a command":               {[]string{"verify", "--help"}, console.ExitOK, ""},
		"unknown command":                 {[]string{"bogus"}, console.ExitUsage, "bogus"},
		"unknown flag":                    {[]string{"verify", "--bogus"}, console.ExitUsage, "bogus"},
		"no environment for the service":  {nil, console.ExitUsage, "NATS_URL: not set"},
		"no environment for the check":    {[]string{"healthcheck"}, console.ExitUsage, "DATABASE_URL: not set"},
		"no environment for a command":    {[]string{"actions"}, console.ExitUsage, "DATABASE_URL: not set"},
		"no environment for verification": {[]string{"verify", "--json"}, console.ExitUsage, "DATABASE_URL: not set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := start(t, map[string]string{}, test.args...); got.code != test.code || !strings.Contains(got.notes, test.says) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestVerifyOfAnEmptyBank(t *testing.T) {
	t.Parallel()
	db, environ := bank(t)
	if got := start(t, environ, "verify"); got.code != console.ExitOK || !strings.Contains(got.out, "verified") {
		t.Errorf("%+v", got)
	}
	if _, err := db.Pool(t, "").Exec(t.Context(), "UPDATE log_head SET position = 7"); err != nil {
		t.Fatal(err)
	}
	if got := start(t, environ, "verify", "--json"); got.code != console.ExitDifferent || !strings.Contains(got.out, `"differences_total": 1`) {
		t.Errorf("%+v", got)
	}
}

func TestChangesAreConfirmedAndRecorded(t *testing.T) {
	t.Parallel()
	db, environ := bank(t)
	pool := db.Pool(t, "passbook_projector")
	preview := &console.Preview{Title: "Drop everything"}
	failure := errors.New("it broke")
	changed := 0
	change := func(flags changeFlags, preview *console.Preview, failure error) error {
		var notes bytes.Buffer
		term := &terminal{Console: console.New(strings.NewReader(""), &notes, &notes), environ: environ, args: []string{"drop", "everything"}}
		return term.change(t.Context(), pool, "projector drop", flags, preview, func(context.Context) (string, error) {
			changed++
			return "all of it", failure
		})
	}
	if err := change(changeFlags{}, preview, nil); console.ExitCode(err) != console.ExitUnconfirmed || changed != 0 {
		t.Errorf("without --yes: %v, changed %d times", err, changed)
	}
	if err := change(changeFlags{Yes: true, Reason: "verified", As: "ada"}, preview, nil); err != nil || changed != 1 {
		t.Errorf("with --yes: %v, changed %d times", err, changed)
	}
	if err := change(changeFlags{}, nil, failure); !errors.Is(err, failure) {
		t.Errorf("a failure: %v", err)
	}
	if err := change(changeFlags{}, nil, console.Busy(failure)); console.ExitCode(err) != console.ExitBusy {
		t.Errorf("somebody else: %v", err)
	}
	list, err := actions.List(t.Context(), pool, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, a := range list {
		outcomes = append(outcomes, a.Actor+" "+a.Outcome+" "+a.Detail+" "+a.Reason)
	}
	login := actions.Login()
	if want := []string{login + " declined it broke ", login + " failed it broke ", "ada done all of it verified"}; !slices.Equal(outcomes, want) {
		t.Errorf("on record: %q, want %q", outcomes, want)
	}
	shown := start(t, environ, "actions")
	if !strings.Contains(shown.out, "projector drop everything") || !strings.Contains(shown.out, "ada ("+login+")") {
		t.Errorf("%+v", shown)
	}
}
