package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheServerNeverRunsAsRoot(t *testing.T) {
	t.Parallel()
	p := start(t, PostgresConfig{StateDir: stateDir(t)})
	if p.account.uid == 0 {
		t.Error("the account's uid is 0")
	}
	info, err := os.Stat(p.dataDir())
	if err != nil {
		t.Fatal(err)
	}
	if p.account.mayEnter(info) != true || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory is not the account's own: %v", info.Mode())
	}
	if (os.Geteuid() == 0) != p.account.other {
		t.Errorf("as uid %d the server runs as %+v", os.Geteuid(), p.account)
	}
}

// Root would not notice that the server's user cannot get in; the server would die with a bare "Permission denied".
func TestADirectoryTheServersUserCannotEnterIsNamed(t *testing.T) {
	t.Parallel()
	open := stateDir(t)
	closed := filepath.Join(open, "closed")
	inside := filepath.Join(closed, "state")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := account{name: "stranger", uid: 4_000_000, gid: 4_000_000, other: true}
	if err := stranger.checkReach(open); err != nil {
		t.Errorf("refused %s: %v", open, err)
	}
	err := stranger.checkReach(inside)
	if err == nil {
		t.Fatal("did not notice")
	}
	for _, want := range []string{inside, closed + " (mode 0700)", "stranger", "/var/lib/passbook"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := (account{}).checkReach(inside); err != nil {
		t.Errorf("we ourselves need no check, got %v", err)
	}
}

func TestDefaultStateDir(t *testing.T) {
	want := "/var/lib/passbook"
	if os.Geteuid() != 0 {
		want = "/home/someone/.local/state/passbook"
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/home/someone")
	if got := DefaultStateDir(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if os.Geteuid() != 0 {
		want = "/elsewhere/passbook"
	}
	t.Setenv("XDG_STATE_HOME", "/elsewhere")
	if got := DefaultStateDir(); got != want {
		t.Errorf("with XDG_STATE_HOME: got %s, want %s", got, want)
	}
}
