package main

import (
	"context"

	"passbook/internal/config"
	"passbook/internal/console"
	"passbook/internal/service"
)

type webhooksCommand struct {
	Action string `arg:"" optional:"" enum:"serve,healthcheck,config" default:"serve" help:"serve, which is the default; healthcheck: ask the one that runs under the same environment whether it is ready; config: print the configuration, secrets masked."`
}

// Help is shown by --help.
func (webhooksCommand) Help() string {
	return "A service of its own, under a database role of its own, since it makes requests to strangers. It runs until SIGINT or SIGTERM; of several one delivers, " +
		"the others stand by.\n\nExamples:\n  projector webhooks\n  WEBHOOKS_ALLOW_PRIVATE=10.1.0.0/16 projector webhooks\n  projector webhooks healthcheck"
}

// Run runs the service, or asks it.
func (c webhooksCommand) Run(ctx context.Context, t *terminal) error {
	var args []string
	if c.Action != "serve" {
		args = []string{c.Action}
	}
	code := service.Main(ctx, "webhooks", args, t.Out, t.Notes, func() (service.Loaded, error) {
		cfg, err := config.LoadWebhooks(t.environ)
		return service.Loaded{Process: cfg.Process, All: cfg, Build: func(ctx context.Context, rt service.Runtime) (*service.Service, error) {
			return service.Webhooks(ctx, cfg, rt)
		}}, err
	})
	if code != console.ExitOK {
		return &console.ExitError{Code: code}
	}
	return nil
}
