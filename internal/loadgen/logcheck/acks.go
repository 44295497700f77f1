package logcheck

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"passbook/internal/loadgen"
)

// Acknowledgements is the comparison of what clients were told with what the log holds. All faults are counted, the first
// are listed.
type Acknowledgements struct {
	Commands int64    `json:"commands"` // acknowledged, under a key each
	Missing  int64    `json:"missing"`  // of which the log lacks the event or the stored answer
	Repeated int64    `json:"repeated"` // of which it has several
	Moved    int64    `json:"moved"`    // of which it has either at another position than the client was told
	Faults   []string `json:"faults,omitempty"`
}

// OK reports whether each acknowledged command stands in the log exactly once.
func (a *Acknowledgements) OK() bool { return a.Missing+a.Repeated+a.Moved == 0 }

// WriteText prints the report for people.
func (r Report) WriteText(w io.Writer) error {
	a := &r.Acknowledgements
	verdict := fmt.Sprintf("acknowledged: %d commands, each of them in the log exactly once", a.Commands)
	if !a.OK() {
		verdict = fmt.Sprintf("NOT IN THE LOG AS ACKNOWLEDGED: of %d commands %d missing, %d repeated, %d at another position", a.Commands, a.Missing, a.Repeated, a.Moved)
	}
	if _, err := fmt.Fprintln(w, strings.Join(append(slices.Clone(a.Faults), verdict), "\n")); err != nil {
		return err
	}
	return r.Audit.WriteText(w)
}

const faultsMax = 20

func (a *Acknowledgements) fault(counter *int64, format string, args ...any) {
	*counter++
	if len(a.Faults) < faultsMax {
		a.Faults = append(a.Faults, fmt.Sprintf(format, args...))
	}
}

// acks is what clients were told, by key, and what was found of it.
type acks map[string]*ack

type ack struct {
	position int64
	found    [sources]int
}

// source is a table that must have each command once.
type source int

const (
	answers source = iota
	events
	sources int = iota
)

func (s source) String() string { return [...]string{"stored answer", "event"}[s] }

// readAcks reads what loadgen.AckLog wrote. No key was ever sent for two commands, so none can have been acknowledged twice.
func readAcks(path string) (acks, error) {
	file, err := os.Open(path) //nolint:gosec // where the user wants it
	if err != nil {
		return nil, fmt.Errorf("acknowledgements: %w", err)
	}
	defer file.Close()
	told := acks{}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		key, text, _ := strings.Cut(lines.Text(), " ")
		position, err := strconv.ParseInt(text, 10, 64)
		if err == nil && told[key] != nil {
			err = fmt.Errorf("key %s stands there twice", key)
		}
		if err != nil {
			return nil, fmt.Errorf("acknowledgements: line %d: %w", n, err)
		}
		told[key] = &ack{position: position}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("acknowledgements: %w", err)
	}
	return told, nil
}

// Both read all of the generator's keys in one go: a million of them take seconds. A command may leave several events: in one append, so
// one behind the other, and on each stream one, beside the holds that had expired. Its position is that of the last.
const (
	selectAnswers = `SELECT key, position, false FROM idempotency_keys WHERE starts_with(key, $1)`
	selectEvents  = `
SELECT metadata->>'idempotency_key', max(position), max(position) - min(position) + 1 <> count(*)
    OR count(*) FILTER (WHERE type <> 'hold.expired') > count(DISTINCT stream_id) FILTER (WHERE type <> 'hold.expired')
FROM events WHERE starts_with(metadata->>'idempotency_key', $1) GROUP BY 1`
)

// compare looks each command up in both tables.
func (d *Database) compare(ctx context.Context, told acks) (Acknowledgements, error) {
	a := Acknowledgements{Commands: int64(len(told))}
	for where, statement := range [sources]string{answers: selectAnswers, events: selectEvents} {
		rows, err := d.keys.Query(ctx, statement, loadgen.KeyPrefix)
		if err != nil {
			return a, fmt.Errorf("look for acknowledged commands: %w", err)
		}
		var key string
		var position int64
		var repeated bool
		_, err = pgx.ForEachRow(rows, []any{&key, &position, &repeated}, func() error {
			if ack := told[key]; ack != nil {
				a.find(key, ack, source(where), position, repeated)
			}
			return nil
		})
		if err != nil {
			return a, fmt.Errorf("look for acknowledged commands: %w", err)
		}
	}
	for key, ack := range told {
		for where, found := range ack.found {
			if found == 0 {
				a.fault(&a.Missing, "%s was acknowledged at position %d, and has no %s", key, ack.position, source(where))
			}
		}
	}
	return a, nil
}

func (a *Acknowledgements) find(key string, told *ack, where source, position int64, repeated bool) {
	if told.found[where]++; told.found[where] == 2 || repeated {
		a.fault(&a.Repeated, "%s has more than one %s", key, where)
	}
	if position != told.position {
		a.fault(&a.Moved, "%s was acknowledged at position %d, and has its %s at %d", key, told.position, where, position)
	}
}
