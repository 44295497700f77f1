package main

import (
	"context"

	"passbook/internal/config"
	"passbook/internal/console"
	"passbook/internal/service"
)

type serveCommand struct{}

// Help is shown by --help.
func (serveCommand) Help() string { return "Examples:\n  projector\n  PROJECTIONS=balances projector" }

// Run runs the service.
func (serveCommand) Run(ctx context.Context, t *terminal) error { return t.service(ctx) }

type healthcheckCommand struct{}

// Help is shown by --help.
func (healthcheckCommand) Help() string {
	return "For containers that hold no other program to ask with.\n\nExamples:\n  projector healthcheck\n  OPS_ADDR=127.0.0.1:8092 projector healthcheck"
}

// Run asks once.
func (healthcheckCommand) Run(ctx context.Context, t *terminal) error {
	return t.service(ctx, "healthcheck")
}

type configCommand struct{}

// Help is shown by --help.
func (configCommand) Help() string {
	return "What the environment and the defaults come to, a variable a line, secrets masked.\n\nExamples:\n  projector config"
}

// Run prints it.
func (configCommand) Run(ctx context.Context, t *terminal) error { return t.service(ctx, "config") }

// service is the binary as a service, which prints and logs for itself.
func (t *terminal) service(ctx context.Context, args ...string) error {
	code := service.Main(ctx, "projector", args, t.Out, t.Notes, func() (service.Loaded, error) {
		cfg, err := config.LoadProjector(t.environ)
		return service.Loaded{Process: cfg.Process, All: cfg, Build: func(ctx context.Context, rt service.Runtime) (*service.Service, error) {
			return service.Projector(ctx, cfg, rt)
		}}, err
	})
	if code != console.ExitOK {
		return &console.ExitError{Code: code}
	}
	return nil
}
