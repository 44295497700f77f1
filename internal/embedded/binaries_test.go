package embedded

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var quiet = slog.New(slog.DiscardHandler)

func TestBinariesAreTakenInOrder(t *testing.T) {
	t.Parallel()
	root := stateDir(t)
	path := fakePrograms(t, root, "path", "16.2")
	nine := fakePrograms(t, root, "versions/9/bin", "15.1")
	eighteen := fakePrograms(t, root, "versions/18/bin", "18.4")
	told := fakePrograms(t, root, "told", "17.0")
	versions := []string{filepath.Join(root, "versions", "*", "bin")}
	for name, c := range map[string]struct {
		find   finder
		majors []int
		want   string
	}{
		"PG_BIN_DIR before PATH":        {finder{binDir: told, path: []string{path}, patterns: versions}, nil, told},
		"PATH before the usual places":  {finder{path: []string{"/nowhere", path}, patterns: versions}, nil, path},
		"the highest number":            {finder{patterns: versions}, nil, eighteen},
		"the version that data is of":   {finder{path: []string{path}, patterns: versions}, []int{15}, nine},
		"the first of several versions": {finder{path: []string{path}, patterns: versions}, []int{15, 18}, eighteen},
	} {
		got, err := c.find.find(t.Context(), ourselves(t), c.majors, quiet)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.dir != c.want {
			t.Errorf("%s: took %s, want %s", name, got.dir, c.want)
		}
	}
}

func TestBinariesThatAreRejected(t *testing.T) {
	t.Parallel()
	root := stateDir(t)
	old := fakePrograms(t, root, "old", "14.9")
	half := fakePrograms(t, root, "half", "16.0")
	if err := os.Remove(filepath.Join(half, "initdb")); err != nil {
		t.Fatal(err)
	}
	odd := fakePrograms(t, root, "odd", "16.0")
	writeProgram(t, filepath.Join(odd, "postgres"), "echo something else")
	sixteen := fakePrograms(t, root, "sixteen", "16.0")
	for name, c := range map[string]struct {
		find   finder
		majors []int
		want   []string // in the error
	}{
		"too old":                 {finder{path: []string{old}}, nil, []string{"14.9", "too old", "DATABASE_URL", "PG_BIN_DIR", "npm"}},
		"no initdb":               {finder{path: []string{half}}, nil, []string{half, "initdb"}},
		"no version":              {finder{path: []string{odd}}, nil, []string{"something else"}},
		"nothing anywhere":        {finder{}, nil, []string{"DATABASE_URL", "postgresql package", "PG_BIN_DIR", "npm"}},
		"PG_BIN_DIR has nothing":  {finder{binDir: "/nowhere", path: []string{sixteen}}, nil, []string{"PG_BIN_DIR", "/nowhere"}},
		"another version of data": {finder{path: []string{sixteen}}, []int{15}, []string{"data of Postgres 15", "Postgres 16", "another state directory"}},
	} {
		_, err := c.find.find(t.Context(), ourselves(t), c.majors, quiet)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
}

// PATH often holds a link to postgres alone.
func TestALinkIsFollowedToWhereInitdbIs(t *testing.T) {
	t.Parallel()
	root := stateDir(t)
	home := fakePrograms(t, root, "home", "15.18")
	links := filepath.Join(root, "links")
	if err := os.Mkdir(links, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(home, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	got, err := finder{path: []string{links}}.find(t.Context(), ourselves(t), nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if want := (installation{dir: home, version: "15.18", major: 15}); got != want {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

func TestTheDefaultFinderKnowsThePlaces(t *testing.T) {
	t.Setenv("PG_BIN_DIR", "/told")
	t.Setenv("PATH", "/one:/two")
	f := defaultFinder()
	if f.binDir != "/told" || !slices.Equal(f.path, []string{"/one", "/two"}) {
		t.Errorf("got PG_BIN_DIR %q and PATH %q", f.binDir, f.path)
	}
	if !slices.Contains(f.patterns, "/usr/lib/postgresql/*/bin") {
		t.Errorf("Debian's place is not among %q", f.patterns)
	}
}

// fakePrograms makes a directory whose postgres claims a version.
func fakePrograms(t *testing.T, root, name, version string) string {
	t.Helper()
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeProgram(t, filepath.Join(dir, "postgres"), fmt.Sprintf("echo 'postgres (PostgreSQL) %s (Debian)'", version))
	writeProgram(t, filepath.Join(dir, "initdb"), "exit 1")
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

func writeProgram(t *testing.T, path, script string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func ourselves(t *testing.T) account {
	t.Helper()
	a, err := serverAccount(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return a
}
