package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"passbook/bench/figure"
	"passbook/internal/loadgen"
)

// Machine is what the figures depend on outside the programs. What cannot be learned is empty or unknown.
type Machine struct {
	loadgen.Machine
	Filesystem string  `json:"filesystem"`
	SyncMicros float64 `json:"sync_us"` // median of writing 8 KiB and syncing it, the least that a durable commit costs
}

// Look describes this machine; dir is where the data will be.
func Look(dir string) (Machine, error) {
	sync, err := syncTime(dir)
	if err != nil {
		return Machine{}, err
	}
	return Machine{loadgen.ThisMachine(), filesystem(contents("/proc/self/mounts"), dir), float64(sync.Nanoseconds()) / 1e3}, nil
}

func contents(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // files of /proc and /sys
	if err != nil {                // another system: the field stays empty
		return ""
	}
	return string(text)
}

// entry is the value of the first "name: value" line.
func entry(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// filesystem is the type of the file system that dir is on: that of the longest mount point above it.
func filesystem(mounts, dir string) string {
	best, kind := "", ""
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[1]) < len(best) {
			continue
		}
		if below, err := filepath.Rel(fields[1], dir); err == nil && below != ".." && !strings.HasPrefix(below, "../") {
			best, kind = fields[1], fields[2]
		}
	}
	return kind
}

// onDisk refuses a place where syncing means nothing.
func onDisk(dir string) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if kind := filesystem(contents("/proc/self/mounts"), absolute); kind == "tmpfs" || kind == "ramfs" {
		return fmt.Errorf("%s is on %s, in memory: a sync costs nothing there; choose another directory with -dir", dir, kind)
	}
	return nil
}

const syncs = 200

func syncTime(dir string) (time.Duration, error) {
	file, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(file.Name()); _ = file.Close() }()
	block := make([]byte, 8<<10)
	took := make([]int64, 0, syncs)
	for range syncs {
		start := time.Now()
		if _, err := file.WriteAt(block, 0); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		took = append(took, int64(time.Since(start)))
	}
	slices.Sort(took)
	return time.Duration(figure.Quantile(took, 0.5)), nil
}

// Commit names the sources in dir, or says that it cannot.
func Commit(dir string) string {
	out, err := exec.Command("git", "-C", dir, "describe", "--always", "--dirty", "--abbrev=12").Output() //nolint:gosec // the repository it runs in
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
