package rig

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Others is the share of the machine's processors, 0 to 1, that went elsewhere during a run. Much of it, and the figures say
// more about the others than about the contenders.
type Others struct {
	Used   float64 `json:"used"`   // by other programs
	Stolen float64 `json:"stolen"` // by the hypervisor
}

// OthersWatch stands where the run began.
type OthersWatch struct {
	usages []func() (Usage, error)
	busy   processors
	own    time.Duration
}

// WatchOthers begins. The run's own programs are this process, its children that have ended by the end, the server, and the
// programs that usages speak for.
func WatchOthers(server *Server, usages ...func() (Usage, error)) (*OthersWatch, error) {
	w := &OthersWatch{usages: append(usages, server.Usage)}
	var err error
	if w.busy, err = readProcessors(); err != nil {
		return nil, err
	}
	w.own, err = w.used()
	return w, err
}

// Others is the share since the beginning.
func (w *OthersWatch) Others() (Others, error) {
	busy, err := readProcessors()
	if err != nil {
		return Others{}, err
	}
	own, err := w.used()
	if err != nil {
		return Others{}, err
	}
	return share(busy.minus(w.busy), own-w.own), nil
}

func share(busy processors, own time.Duration) Others {
	if busy.all <= 0 {
		return Others{}
	}
	return Others{
		Used:   max(0, float64(busy.used-own)/float64(busy.all)),
		Stolen: float64(busy.stolen) / float64(busy.all),
	}
}

// used is what the run's own programs have used so far.
func (w *OthersWatch) used() (time.Duration, error) {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			return 0, fmt.Errorf("ask what this process has used: %w", err)
		}
		total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	for _, of := range w.usages {
		u, err := of()
		if err != nil {
			return 0, err
		}
		total += u.CPU
	}
	return total, nil
}

// processors is the time of all processors together since the machine was started.
type processors struct {
	all    time.Duration
	used   time.Duration
	stolen time.Duration
}

func (p processors) minus(q processors) processors {
	return processors{p.all - q.all, p.used - q.used, p.stolen - q.stolen}
}

var errProcessors = errors.New("not the form of /proc/stat")

func readProcessors() (processors, error) { return parseProcessors(contents("/proc/stat")) }

// parseProcessors reads the line "cpu user nice system idle iowait irq softirq steal ...": what follows is part of the first.
func parseProcessors(text string) (p processors, err error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	const idle, iowait, irq, softirq, steal = 3, 4, 5, 6, 7
	if len(fields) < steal+2 || fields[0] != "cpu" {
		return p, errProcessors
	}
	for i, field := range fields[1 : steal+2] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return p, fmt.Errorf("%w: %w", errProcessors, err)
		}
		took := time.Duration(ticks) * tick
		p.all += took
		switch i {
		case idle, iowait, irq, softirq: // interrupts are on nobody's account
		case steal:
			p.stolen += took
		default:
			p.used += took
		}
	}
	return p, nil
}
