package domaintest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files that are missing, and the fold's fingerprint")

// goldenDir has the stored bytes of events, a file an event, schema and variant.
const goldenDir = "testdata/events"

// Events are those of one package of the domain.
type Events[E any] struct {
	Samples     []Sample[E] // every event, with all that it can hold and with as little as it can hold
	Encode      func(E) (name string, schema int, data []byte)
	Decode      func(name string, schema int, data []byte) (E, error)
	Types       []Type // as the package lists them
	Fingerprint func() string
}

// Sample is an event whose bytes are kept in testdata.
type Sample[E any] struct {
	Variant string
	Event   E
}

// Samples makes them of a package's own.
func Samples[E any, S ~struct {
	Variant string
	Event   E
}](own []S) []Sample[E] {
	samples := make([]Sample[E], len(own))
	for i, s := range own {
		samples[i] = Sample[E](s)
	}
	return samples
}

// Type is the wire name of an event and the schema that is written.
type Type struct {
	Name   string
	Schema int
}

// Types makes them of a package's own.
func Types[T ~struct {
	Name   string
	Schema int
}](own []T) []Type {
	types := make([]Type, len(own))
	for i, t := range own {
		types[i] = Type(t)
	}
	return types
}

// SampleTypes are the names of the Go types that there are samples of.
func (e Events[E]) SampleTypes() []string {
	names := map[string]bool{}
	for _, s := range e.Samples {
		names[TypeName(s.Event)] = true
	}
	return slices.Collect(maps.Keys(names))
}

// CheckTypes holds what the package lists to what it encodes: the same names and schemas, each of them once.
func (e Events[E]) CheckTypes(t *testing.T) {
	t.Helper()
	encoded := map[Type]string{}
	for _, s := range e.Samples {
		name, schema, _ := e.Encode(s.Event)
		key, goType := Type{name, schema}, TypeName(s.Event)
		if other, known := encoded[key]; known && other != goType {
			t.Errorf("%v is both %s and %s", key, other, goType)
		}
		encoded[key] = goType
	}
	if len(e.Types) != len(encoded) {
		t.Errorf("%d types, %d are encoded", len(e.Types), len(encoded))
	}
	names := map[string]bool{}
	for _, known := range e.Types {
		if encoded[known] == "" || names[known.Name] {
			t.Errorf("%v is not encoded, or listed twice", known)
		}
		names[known.Name] = true
	}
}

// CheckGolden holds the samples to the bytes of stored events, which are facts. A golden file that differs is never written anew, not
// by -update either: a payload that has to change gets the next schema number. Files of schemas that are not written any more
// are somebody else's to read.
func (e Events[E]) CheckGolden(t *testing.T) {
	t.Helper()
	kept := map[string]bool{}
	for _, s := range e.Samples {
		name, schema, data := e.Encode(s.Event)
		path := filepath.Join(goldenDir, fmt.Sprintf("%s.v%d.%s.json", name, schema, s.Variant))
		kept[path] = true
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			golden := readGolden(t, path, data)
			if !bytes.Equal(data, golden) {
				t.Errorf("encoded as\n%s\nbut stored are\n%s", data, golden)
			}
			got, err := e.Decode(name, schema, golden)
			if err != nil || !reflect.DeepEqual(got, s.Event) {
				t.Errorf("decoded as %+v, %v; want %+v", got, err, s.Event)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(goldenDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !kept[file] && e.written(filepath.Base(file)) {
			t.Errorf("no sample for %s", file)
		}
	}
}

// written reports whether a golden file has a shape that is written today.
func (e Events[E]) written(file string) bool {
	return slices.ContainsFunc(e.Types, func(known Type) bool {
		return strings.HasPrefix(file, fmt.Sprintf("%s.v%d.", known.Name, known.Schema))
	})
}

// readGolden reads a file of one line; with -update it writes the file first when there is none.
func readGolden(t *testing.T, path string, data []byte) []byte {
	t.Helper()
	golden, err := os.ReadFile(path) //nolint:gosec // a file of the test's own
	if errors.Is(err, fs.ErrNotExist) && *update {
		golden = append(bytes.Clone(data), '\n')
		err = os.WriteFile(path, golden, 0o600)
	}
	if err != nil {
		t.Fatalf("%v (go test -update writes missing golden files)", err)
	}
	return bytes.TrimSuffix(golden, []byte("\n"))
}

// CheckFingerprint shows a change of the fold: its fingerprint must change too, or old snapshots would be taken for states of the new fold. The
// file on record shows such a change in review; -update writes it anew.
func (e Events[E]) CheckFingerprint(t *testing.T) {
	t.Helper()
	const path = "testdata/fold_fingerprint.txt"
	got := e.Fingerprint()
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o600); err != nil {
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
	if again := e.Fingerprint(); again != got {
		t.Errorf("the fingerprint is %s and then %s", got, again)
	}
}
