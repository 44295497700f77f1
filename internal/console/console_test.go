package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passbook/internal/console"
)

// at is a console without a terminal, and what it wrote.
func at(typed string) (c *console.Console, out, notes *bytes.Buffer) {
	out, notes = &bytes.Buffer{}, &bytes.Buffer{}
	return console.New(strings.NewReader(typed), out, notes), out, notes
}

// replay does 600,000 of a million in twelve seconds, which take no time within the bubble.
func replay(c *console.Console) {
	p := c.Progress("replay", 1_000_000)
	for range 12 {
		<-time.After(time.Second)
		p.Add(50_000)
	}
	p.End()
}

func TestProgressWithoutATerminalIsALineEveryFewSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, out, notes := at("")
		replay(c)
		want := "replay: 250,000 of 1,000,000 (25 %), 50,000/s, 15s left\n" +
			"replay: 500,000 of 1,000,000 (50 %), 50,000/s, 10s left\n" +
			"replay: 600,000 of 1,000,000 (60 %), 50,000/s, 8s left\n"
		if notes.String() != want {
			t.Errorf("got\n%swant\n%s", notes, want)
		}
		if out.Len() > 0 {
			t.Errorf("the result has %q", out)
		}
	})
}

func TestProgressForMachinesIsAnObjectALine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _, notes := at("")
		c.JSON = true
		replay(c)
		var lines []string
		for line := range strings.Lines(notes.String()) {
			var object struct {
				Progress    string
				Done, Total int64
				SecondsLeft int64 `json:"seconds_left"`
			}
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			lines = append(lines, fmt.Sprintf("%s %d %d %d", object.Progress, object.Done, object.Total, object.SecondsLeft))
		}
		if want := []string{"replay 250000 1000000 15", "replay 500000 1000000 10", "replay 600000 1000000 8"}; fmt.Sprint(lines) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", lines, want)
		}
	})
}

// What was done before an interruption is no part of the rate, nor of the time left.
func TestResumedProgressKnowsItsOwnRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _, notes := at("")
		p := c.Progress("replay", 1_000)
		p.Resume(900)
		<-time.After(time.Second)
		p.Add(10)
		p.End()
		if want := "replay: 910 of 1,000 (91 %), 10/s, 9s left\n"; notes.String() != want {
			t.Errorf("got %q, want %q", notes, want)
		}
	})
}

func TestATerminalGetsABarWithRateAndTimeLeft(t *testing.T) {
	t.Parallel()
	c, _, notes := at("")
	c.Terminal = true
	p := c.Progress("replay", 1_000)
	p.Set(500)
	p.End()
	for _, part := range []string{"replay", "50%", "500/1000", "events/s"} {
		if !strings.Contains(notes.String(), part) {
			t.Errorf("no %q in %q", part, notes)
		}
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	preview := console.Preview{Title: "Drop generation 1 of balances", Lines: []string{"table balances_1, 480,000 rows"}}
	for name, test := range map[string]struct {
		typed     string
		asks, yes bool
		agreed    bool
		says      string
	}{
		"--yes":                        {yes: true, agreed: true},
		"--yes at a terminal":          {yes: true, asks: true, agreed: true},
		"a script that forgot --yes":   {typed: "yes\n", says: "--yes confirms"},
		"a person who says yes":        {typed: "yes\n", asks: true, agreed: true},
		"a person who says no":         {typed: "no\n", asks: true, says: "nothing was done"},
		"a person who says only y":     {typed: "y\n", asks: true, says: "nothing was done"},
		"a person who ends the input":  {asks: true, says: "nothing was done"},
		"a person who types yes twice": {typed: "yesyes\n", asks: true, says: "nothing was done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, out, notes := at(test.typed)
			c.Asks = test.asks
			err := c.Confirm(t.Context(), preview, test.yes)
			if agreed := err == nil; agreed != test.agreed {
				t.Errorf("agreed is %v: %v", agreed, err)
			}
			if err != nil && (console.ExitCode(err) != console.ExitUnconfirmed || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("exit code %d, %v", console.ExitCode(err), err)
			}
			if !strings.Contains(notes.String(), "Drop generation 1 of balances\n  table balances_1, 480,000 rows\n") {
				t.Errorf("shown: %q", notes)
			}
			if out.Len() > 0 {
				t.Errorf("the result has %q", out)
			}
		})
	}
}

func TestAQuestionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	typed, typing := io.Pipe()
	t.Cleanup(func() { _ = typing.Close() })
	c, _, _ := at("")
	c.In, c.Asks = typed, true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Confirm(ctx, console.Preview{Title: "Drop"}, false); !errors.Is(err, context.Canceled) || console.ExitCode(err) != console.ExitUnconfirmed {
		t.Errorf("got %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for want, err := range map[int]error{
		0: nil, 1: cause, 2: console.Usage(cause), 3: &console.ExitError{Code: console.ExitUnconfirmed}, 4: console.Different(nil),
		5: fmt.Errorf("rebuild: %w", console.Busy(cause)),
	} {
		if got := console.ExitCode(err); got != want {
			t.Errorf("%v ends with %d, want %d", err, got, want)
		}
	}
	if !errors.Is(console.Busy(cause), cause) {
		t.Error("the cause is lost")
	}
}

func TestResultIsOneDocument(t *testing.T) {
	t.Parallel()
	text := func(w io.Writer) error { _, err := io.WriteString(w, "for people\n"); return err }
	c, out, _ := at("")
	if err := c.Result(map[string]int{"n": 1}, text); err != nil || out.String() != "for people\n" {
		t.Errorf("%q, %v", out, err)
	}
	c, out, _ = at("")
	c.JSON = true
	if err := c.Result(map[string]int{"n": 1}, text); err != nil || !json.Valid(out.Bytes()) {
		t.Errorf("%q, %v", out, err)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1204332: "-1,204,332", 100: "100"} {
		if got := console.Count(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
