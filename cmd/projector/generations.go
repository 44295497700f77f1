package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"passbook/internal/console"
	"passbook/readmodel"
	"passbook/readmodel/rebuild"
)

type rollbackCommand struct {
	Name   string `arg:"" help:"A projection."`
	Behind bool   `help:"Also to a generation that is behind and of another version of the code: readers are taken back to its position."`
	changeFlags
}

// Help is shown by --help.
func (rollbackCommand) Help() string {
	return `The generation before serves readers again, in one transaction; the one that served them until now takes its place, so that a second
rollback undoes the first. It is kept up to date while the code is of its version; otherwise the binary of that version rolls back to it
without a step back, and --behind does it with any.

Examples:
  projector rollback balances
  projector rollback balances --reason "fees were counted twice"`
}

// Run rolls back.
func (c rollbackCommand) Run(ctx context.Context, t *terminal) error {
	o, err := t.open(ctx, c.Name)
	if err != nil {
		return err
	}
	defer o.pool.Close()
	return t.change(ctx, o.pool, "projector rollback", c.changeFlags, nil, func(ctx context.Context) (string, error) {
		to, err := o.rebuilder.Rollback(ctx, o.projectors[0], o.options(c.changeFlags), c.Behind)
		if errors.Is(err, readmodel.ErrBehind) {
			err = fmt.Errorf("%w; --behind rolls back to it all the same", err)
		}
		if err != nil {
			return "", explained(ctx, err)
		}
		return t.did(fmt.Sprintf("%s: generation %d serves readers from position %s", c.Name, to.Number, console.Count(to.Position)), "live", to)
	})
}

// did writes the result of a change and returns its text for the record.
func (t *terminal) did(text, key string, g readmodel.Generation) (string, error) {
	return text, t.Result(map[string]any{key: g}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, text)
		return err
	})
}

type dropCommand struct {
	Name string `arg:"" help:"A projection."`
	changeFlags
}

// Help is shown by --help.
func (dropCommand) Help() string {
	return "Examples:\n  projector drop balances\n  projector drop balances --yes"
}

// Run drops.
func (c dropCommand) Run(ctx context.Context, t *terminal) error {
	return dropGeneration(ctx, t, c.Name, readmodel.PlacePrevious, "projector drop", c.changeFlags, (*rebuild.Rebuilder).DropPrevious)
}

type cancelCommand struct {
	Name string `arg:"" help:"A projection."`
	changeFlags
}

// Help is shown by --help.
func (cancelCommand) Help() string {
	return "A process that runs the rebuild stops at its next write.\n\nExamples:\n  projector cancel balances\n  projector cancel balances --yes"
}

// Run cancels.
func (c cancelCommand) Run(ctx context.Context, t *terminal) error {
	return dropGeneration(ctx, t, c.Name, readmodel.PlaceNext, "projector cancel", c.changeFlags, (*rebuild.Rebuilder).Cancel)
}

func dropGeneration(ctx context.Context, t *terminal, name string, place readmodel.Place, command string, flags changeFlags,
	do func(*rebuild.Rebuilder, context.Context, readmodel.Projector, rebuild.Options) (readmodel.Generation, error),
) error {
	o, err := t.open(ctx, name)
	if err != nil {
		return err
	}
	defer o.pool.Close()
	gs, _, err := readmodel.LoadGenerations(ctx, o.pool, name)
	if err != nil {
		return err
	}
	g, ok := gs.At(place)
	if !ok {
		return fmt.Errorf("%s has no %s generation", name, place)
	}
	preview := &console.Preview{Title: fmt.Sprintf("Drop generation %d of %s", g.Number, name)}
	for _, table := range o.projectors[0].Tables {
		preview.Lines = append(preview.Lines, "table "+place.Table(table))
	}
	return t.change(ctx, o.pool, command, flags, preview, func(ctx context.Context) (string, error) {
		g, err := do(o.rebuilder, ctx, o.projectors[0], o.options(flags))
		if err != nil {
			return "", explained(ctx, err)
		}
		return t.did(fmt.Sprintf("%s: generation %d is dropped", name, g.Number), "dropped", g)
	})
}

type generationsCommand struct {
	Name []string `arg:"" optional:"" help:"Projections; all when none is named."`
}

// Help is shown by --help.
func (generationsCommand) Help() string {
	return "Examples:\n  projector generations\n  projector generations balances --json"
}

// Run lists.
func (c generationsCommand) Run(ctx context.Context, t *terminal) error {
	o, err := t.open(ctx, c.Name...)
	if err != nil {
		return err
	}
	defer o.pool.Close()
	list := map[string]readmodel.Generations{}
	for _, p := range o.projectors {
		if list[p.Name], _, err = readmodel.LoadGenerations(ctx, o.pool, p.Name); err != nil {
			return err
		}
	}
	return t.Result(map[string]any{"generations": list}, func(w io.Writer) error {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "PROJECTION\tGENERATION\tPLACE\tCODE\tPOSITION")
		for _, p := range o.projectors {
			for _, g := range list[p.Name] {
				fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\n", p.Name, g.Number, g.Place, g.CodeVersion, console.Count(g.Position))
			}
		}
		return table.Flush()
	})
}
