package approval_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"passbook/domain/approval"
)

var update = flag.Bool("update", false, "write the golden files that are missing, and the fold's fingerprint")

const goldenDir = "testdata/events"

func goldenPath(typ string, schema int, variant string) string {
	return filepath.Join(goldenDir, fmt.Sprintf("%s.v%d.%s.json", typ, schema, variant))
}

// The bytes of stored events are facts. A golden file that differs is never written anew, not by -update either: a payload
// that has to change gets the next schema number.
func TestGoldenBytes(t *testing.T) {
	t.Parallel()
	kept := map[string]bool{}
	for _, s := range samples {
		typ, schema, data := approval.Encode(s.event)
		path := goldenPath(typ, schema, s.variant)
		kept[path] = true
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			golden := readGolden(t, path, data)
			if !bytes.Equal(data, golden) {
				t.Errorf("encoded as\n%s\nbut stored are\n%s", data, golden)
			}
			got, err := approval.Decode(typ, schema, golden)
			if err != nil || !reflect.DeepEqual(got, s.event) {
				t.Errorf("decoded as %+v, %v; want %+v", got, err, s.event)
			}
		})
	}
	checkAllGoldenFilesAreRead(t, kept)
}

// readGolden reads a file of one line; with -update it writes the file first when there is none.
func readGolden(t *testing.T, path string, data []byte) []byte {
	t.Helper()
	golden, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *update {
		golden = append(bytes.Clone(data), '\n')
		err = os.WriteFile(path, golden, 0o644)
	}
	if err != nil {
		t.Fatalf("%v (go test -update writes missing golden files)", err)
	}
	return bytes.TrimSuffix(golden, []byte("\n"))
}

func checkAllGoldenFilesAreRead(t *testing.T, kept map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !kept[file] {
			t.Errorf("no sample for %s", file)
		}
	}
}

// A fold that changes must change the fingerprint, or old snapshots would be taken for states of the new fold. This file
// shows such a change in review; -update writes it anew.
func TestFoldFingerprintIsTheOneOnRecord(t *testing.T) {
	t.Parallel()
	const path = "testdata/fold_fingerprint.txt"
	got := approval.FoldFingerprint()
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(bytes.TrimSpace(want)) {
		t.Errorf("the fold is %s, on record is %s: if the fold was meant to change, go test -update", got, want)
	}
	if again := approval.FoldFingerprint(); again != got {
		t.Errorf("the fingerprint is %s and then %s", got, again)
	}
}
