package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"passbook/internal/actions"
)

type actionsCommand struct {
	Limit  int   `default:"20" help:"List at most so many, the latest first."`
	Before int64 `placeholder:"ID" help:"Only those before this one."`
}

// Help is shown by --help.
func (actionsCommand) Help() string {
	return `An action is recorded before it begins and again when it ends; one without an end is under way, or its process was killed.

Examples:
  projector actions
  projector actions --limit 100 --json`
}

// Run lists.
func (c actionsCommand) Run(ctx context.Context, t *terminal) error {
	pool, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	list, err := actions.List(ctx, pool, c.Before, c.Limit)
	if err != nil {
		return err
	}
	if list == nil {
		list = []actions.Action{}
	}
	return t.Result(map[string]any{"actions": list}, func(w io.Writer) error { return writeActions(w, list) })
}

func writeActions(w io.Writer, list []actions.Action) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no actions on record")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tBEGAN\tWHO\tCOMMAND\tREASON\tOUTCOME\tTOOK\tDETAIL")
	for _, a := range list {
		who, took := a.Actor, ""
		if a.Actor != a.Login {
			who += " (" + a.Login + ")"
		}
		if a.EndedAt != nil {
			took = a.EndedAt.Sub(a.BeganAt).Round(time.Millisecond).String()
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.ID, a.BeganAt.UTC().Format(time.DateTime), who,
			strings.TrimSpace("projector "+strings.Join(a.Arguments, " ")), a.Reason, a.Outcome, took, a.Detail)
	}
	return table.Flush()
}
