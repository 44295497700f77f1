//go:build online

package embedded

import (
	"path/filepath"
	"strings"
	"testing"
)

// Fetches the real package and runs a server from it: `go test -tags online ./internal/embedded -run TestThePinnedPackage`.
func TestThePinnedPackageRuns(t *testing.T) {
	t.Parallel()
	pkg := platformPackage()
	if pkg == nil {
		t.Fatal("no package for this platform")
	}
	pkg.cacheDir = filepath.Join(stateDir(t), "cache")
	p, err := startPostgres(t.Context(), PostgresConfig{StateDir: stateDir(t), Durable: true}, finder{npm: pkg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	if got := query(t, p.URL("postgres"), "SHOW server_version"); !strings.HasPrefix(got, "18.") {
		t.Errorf("the server is Postgres %s", got)
	}
	if !strings.HasPrefix(p.install.dir, pkg.cacheDir) {
		t.Errorf("ran %s, not the package", p.install.dir)
	}
}
