package loadgen

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where the generator ran.
type Machine struct {
	Cores       int    `json:"cores"`
	Processors  int    `json:"gomaxprocs"` // that the generator may use at once
	CPU         string `json:"cpu"`
	MemoryBytes int64  `json:"memory_bytes"`
	Kernel      string `json:"kernel"`
	Platform    string `json:"platform"`
	GoVersion   string `json:"go_version"` // of the generator
}

// ThisMachine describes it as far as the operating system tells.
func ThisMachine() Machine {
	return Machine{
		Cores: runtime.NumCPU(), Processors: runtime.GOMAXPROCS(0), GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPU: field("/proc/cpuinfo", "model name"), MemoryBytes: kilobytes(field("/proc/meminfo", "MemTotal")), Kernel: firstLine("/proc/sys/kernel/osrelease"),
	}
}

const unknown = "unknown"

// field returns what stands behind the name and a colon in a file of the kernel's.
func field(path, name string) string {
	file, err := os.Open(path) //nolint:gosec // one of the above
	if err != nil {
		return unknown
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if found, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(found) == name {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

func kilobytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

func firstLine(path string) string {
	content, err := os.ReadFile(path) //nolint:gosec // one of the above
	if err != nil {
		return unknown
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return line
}
