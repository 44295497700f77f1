package contender

import (
	"context"
	"fmt"
)

// Contender is one way to do the work.
type Contender struct {
	Name     string // also of its database
	Measures []Measure
	turn     func(ctx context.Context, s *Stage) error
}

// Measure is one thing that a contender is measured at.
type Measure struct {
	ID    string `json:"id"` // unique; goals refer to it
	Title string `json:"title"`
	Over  string `json:"over"` // the measure that it is held against
}

// What the others are held against: writes against the one, reads against the other. pgbench comes over TCP there, as the bank's
// clients do.
const (
	YardstickWrite = "pgbench/insert/64"
	YardstickRead  = "pgbench/select/8"
)

// OverSocket is the same yardstick over a Unix socket; "" when the measure is none.
func OverSocket(yardstick string) string {
	if yardstick != YardstickWrite && yardstick != YardstickRead {
		return ""
	}
	return yardstick + socketSuffix
}

const socketSuffix = "/socket"

// The contenders' order is that of a round: ours close to what they are compared with.
var all = []Contender{
	pgbenchReadInsert, optimistic, emmett,
	store, pgbenchInsert, commandAPI, twoWriters, pipeline,
	queryAPI, pgbenchSelect,
}

// All returns the contenders whose names are asked for, in the order of a round; no names mean all of them.
func All(names []string) ([]Contender, error) {
	if len(names) == 0 {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var chosen []Contender
	for _, c := range all {
		if wanted[c.Name] {
			chosen = append(chosen, c)
			delete(wanted, c.Name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("no contender is called %q; there are %v", name, namesOf(all))
	}
	return chosen, nil
}

func namesOf(contenders []Contender) []string {
	var names []string
	for _, c := range contenders {
		names = append(names, c.Name)
	}
	return names
}

// LeftOut is the error of a contender that cannot be had on this machine. The others go on.
type LeftOut struct{ Reason string }

func (e *LeftOut) Error() string { return "left out: " + e.Reason }
