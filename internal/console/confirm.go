package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Preview is what is shown before something is dropped or overwritten.
type Preview struct {
	Title string   // "Drop generation 1 of balances"
	Lines []string // what that means: tables, rows, sizes
}

// Confirm shows the preview and returns nil when it was agreed to: by --yes, or by a person who types yes. Otherwise the error
// has ExitUnconfirmed, and nothing may be done.
func (c *Console) Confirm(ctx context.Context, preview Preview, yes bool) error {
	fmt.Fprintln(c.Notes, preview.Title)
	for _, line := range preview.Lines {
		fmt.Fprintln(c.Notes, "  "+line)
	}
	switch {
	case yes:
		return nil
	case !c.Asks:
		return &ExitError{Code: ExitUnconfirmed, Err: errors.New("nothing was done: standard input is no terminal to ask at; --yes confirms")}
	}
	fmt.Fprint(c.Notes, "Type yes to do this: ")
	said, err := c.readLine(ctx)
	if err != nil {
		return &ExitError{Code: ExitUnconfirmed, Err: fmt.Errorf("nothing was done: %w", err)}
	}
	if said != "yes" {
		return &ExitError{Code: ExitUnconfirmed, Err: errors.New("nothing was done")}
	}
	return nil
}

// readLine returns what was typed, or the end of ctx. Reading a terminal cannot be cut short: after the end of ctx it goes on
// until the process ends, which is at once.
func (c *Console) readLine(ctx context.Context) (string, error) {
	type answer struct {
		text string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(c.In).ReadString('\n')
		typed <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case a := <-typed:
		return a.text, a.err
	case <-ctx.Done():
		fmt.Fprintln(c.Notes)
		return "", ctx.Err()
	}
}
