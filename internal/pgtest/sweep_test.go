package pgtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"passbook/internal/embedded"
)

func TestOnlyAbandonedDirectoriesAreSwept(t *testing.T) {
	t.Parallel()
	root, err := os.MkdirTemp("/tmp", "passbook-sweep-") // the server's user must be able to enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o711); err != nil {
		t.Fatal(err)
	}
	abandoned, young, used := makeOne(t, root, "abandoned"), makeOne(t, root, "young"), makeOne(t, root, "used")
	server, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{StateDir: used})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := cleanUpContext()
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	longAgo := time.Now().Add(-time.Hour)
	for _, dir := range []string{abandoned, used} {
		if err := os.Chtimes(dir, longAgo, longAgo); err != nil {
			t.Fatal(err)
		}
	}

	sweep(root)
	for dir, want := range map[string]bool{abandoned: false, young: true, used: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(dir), err == nil, want)
		}
	}
}

func makeOne(t *testing.T, root, name string) string {
	t.Helper()
	dir := filepath.Join(root, dirPattern+name)
	if err := os.Mkdir(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}
