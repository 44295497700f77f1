package rig

import (
	"errors"
	"testing"
	"time"
)

func TestStatOfAProgramWithAnyName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"postgres", "a b", "x) S 9 9 (y", ""} {
		text := "4711 (" + name + ") S 42 4711 4711 0 -1 4194560 100 200 0 0 150 50 30 20 20 0 5 0 100 1000 10"
		got, err := parseStat(text)
		if err != nil {
			t.Fatal(err)
		}
		if want := (stat{parent: 42, own: 2 * time.Second, reaped: 500 * time.Millisecond}); got != want {
			t.Errorf("of %q: %+v, want %+v", name, got, want)
		}
	}
}

func TestStatOfAnotherForm(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "1 postgres S 1", "1 (x) S 1 2 3", "1 (x) S x 1 1 0 -1 1 1 1 0 0 1 1 1 1 20"} {
		if _, err := parseStat(text); !errors.Is(err, errStat) {
			t.Errorf("%q gives %v", text, err)
		}
	}
}

func TestFilesystemIsThatOfTheNearestMount(t *testing.T) {
	t.Parallel()
	mounts := "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/data xfs rw 0 0\nproc /proc proc rw 0 0\n"
	for dir, want := range map[string]string{"/": "ext4", "/home/x": "ext4", "/tmp/y": "tmpfs", "/tmp/data": "xfs", "/tmp/data/z": "xfs", "/tmp/database": "tmpfs"} {
		if got := filesystem(mounts, dir); got != want {
			t.Errorf("%s is on %s, want %s", dir, got, want)
		}
	}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	text := "Name:\tpostgres\nVmRSS:\t   16384 kB\nnote\t: A: b\n"
	for name, want := range map[string]string{"VmRSS": "16384 kB", "note": "A: b", "nothing": ""} {
		if got := entry(text, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestWhatOthersUsed(t *testing.T) {
	t.Parallel()
	before, err := parseProcessors("cpu  100 0 100 700 50 10 20 20 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseProcessors("cpu  450 0 200 1200 50 20 60 70 5 0\n")
	if err != nil {
		t.Fatal(err)
	}
	busy := after.minus(before)
	if want := (processors{all: 10500 * time.Millisecond, used: 4500 * time.Millisecond, stolen: 500 * time.Millisecond}); busy != want {
		t.Fatalf("the processors did %+v, want %+v", busy, want)
	}
	if got := share(busy, 3450*time.Millisecond); got != (Others{Used: 0.1, Stolen: 0.5 / 10.5}) {
		t.Errorf("the others' share is %+v", got)
	}
	if got := share(busy, 5*time.Second); got.Used != 0 { // the two clocks differ by a little
		t.Errorf("the others' share is %+v, want none", got)
	}
	for _, text := range []string{"", "cpu 1 2 3", "cpu 1 2 3 4 5 6 7 x 9", "intr 1 2 3 4 5 6 7 8 9"} {
		if _, err := parseProcessors(text); !errors.Is(err, errProcessors) {
			t.Errorf("%q gives %v", text, err)
		}
	}
}
