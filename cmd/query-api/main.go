// Command query-api answers questions over HTTP from the read models.
//
// It is configured by its environment; what is wrong with that is listed at once. It stops gracefully on SIGINT and SIGTERM,
// at once on the second. With the argument healthcheck it asks the one that runs whether it is ready, with config it prints its
// configuration, secrets masked. Exit codes: 0 stopped, 1 failed, 2 wrong environment.
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
	return service.Main(ctx, "query-api", args, stdout, stderr, func() (service.Loaded, error) {
		cfg, err := config.LoadQueryAPI(environ)
		return service.Loaded{Process: cfg.Process, All: cfg, Build: func(ctx context.Context, rt service.Runtime) (*service.Service, error) {
			return service.QueryAPI(ctx, cfg, rt)
		}}, err
	})
}
