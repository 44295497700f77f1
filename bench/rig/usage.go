package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ, 100 on every Linux that Go runs on.
const tick = time.Second / 100

// Usage is what a program has used so far.
type Usage struct {
	CPU    time.Duration
	Memory int64 // bytes it holds now
}

// stat is the part of /proc/PID/stat that accounting needs.
type stat struct {
	parent int
	own    time.Duration // user and system time
	reaped time.Duration // of children that have ended
}

var errStat = errors.New("not the form of /proc/PID/stat")

// parseStat reads behind the program's name, which is in parentheses and may hold anything, parentheses too.
func parseStat(text string) (stat, error) {
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return stat{}, errStat
	}
	fields := strings.Fields(text[end+1:])
	const parent, utime, stime, cutime, cstime = 1, 11, 12, 13, 14
	if len(fields) <= cstime {
		return stat{}, errStat
	}
	var numbers [5]int64
	for i, at := range []int{parent, utime, stime, cutime, cstime} {
		n, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("%w: %w", errStat, err)
		}
		numbers[i] = n
	}
	return stat{
		parent: int(numbers[0]),
		own:    time.Duration(numbers[1]+numbers[2]) * tick,
		reaped: time.Duration(numbers[3]+numbers[4]) * tick,
	}, nil
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(text))
}

// UsageOf is what one process has used; Memory is its resident set.
func UsageOf(pid int) (Usage, error) {
	s, err := readStat(pid)
	if err != nil {
		return Usage{}, err
	}
	return Usage{s.own, memory(pid, "status", "VmRSS")}, nil
}

// Usage is what the server and all its sessions have used, those that have ended included. Memory counts what they share once.
func (s *Server) Usage() (Usage, error) {
	server, err := readStat(s.pid)
	if err != nil {
		return Usage{}, err
	}
	total := Usage{server.own + server.reaped, memory(s.pid, "smaps_rollup", "Pss")}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return Usage{}, err
	}
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		child, err := readStat(pid)
		if err != nil || child.parent != s.pid { // it may have ended since
			continue
		}
		total.CPU += child.own
		total.Memory += memory(pid, "smaps_rollup", "Pss")
	}
	return total, nil
}

// memory reads a "Name:   123 kB" line of one of the process's files; 0 when it cannot.
func memory(pid int, file, name string) int64 {
	value := entry(contents(filepath.Join("/proc", strconv.Itoa(pid), file)), name)
	kilobytes, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}
