// Command projector keeps the read models up to date, and proves that they are.
//
//	projector              runs until SIGINT or SIGTERM, configured by its environment
//	projector verify       folds the log independently and compares it with every row of the read models
//	projector healthcheck  asks the projector that runs under the same environment whether it is ready
//
// Exit codes: 0 stopped, or verified; 1 failed, or differences found; 2 wrong environment or arguments.
package main

import (
	"context"
	"io"
	"os"

	"passbook/internal/config"
	"passbook/internal/service"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], config.Environ(os.Environ()), os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, environ map[string]string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "verify" {
		return verify(ctx, args[1:], environ, stdout, stderr)
	}
	return service.Main(ctx, "projector", args, stderr, func() (config.Process, service.Build, error) {
		cfg, err := config.LoadProjector(environ)
		return cfg.Process, func(ctx context.Context, rt service.Runtime) (*service.Service, error) {
			return service.Projector(ctx, cfg, rt)
		}, err
	})
}
