package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"

	"passbook/internal/auditor"
	"passbook/internal/config"
	"passbook/internal/eventcodec"
	"passbook/internal/pgkit"
	"passbook/internal/service"
	"passbook/internal/supervise"
)

// verify compares and reports. It reads in one transaction and may run while the bank is open. It needs DATABASE_URL only.
func verify(ctx context.Context, args []string, environ map[string]string, stdout, stderr io.Writer) int {
	ctx, stop := supervise.Signals(ctx)
	defer stop()
	flags := flag.NewFlagSet("projector verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	asJSON := flags.Bool("json", false, "print the report as JSON")
	most := flags.Int("differences", 100, "list at most so many differences; all are counted")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return service.ExitUsage
	}
	environ = maps.Clone(environ)
	if environ["NATS_URL"] == "" {
		environ["NATS_URL"] = "nats://not-used"
	}
	cfg, err := config.LoadProjector(environ)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return service.ExitUsage
	}
	report, err := audit(ctx, cfg.Database, auditor.Options{DifferencesMax: *most})
	if err == nil {
		err = write(stdout, report, *asJSON)
	}
	if err != nil {
		fmt.Fprintln(stderr, "projector verify:", err)
		return service.ExitFailed
	}
	if !report.OK() {
		return service.ExitFailed
	}
	return service.ExitOK
}

func audit(ctx context.Context, cfg config.Database, options auditor.Options) (auditor.Report, error) {
	codec, err := eventcodec.New()
	if err != nil {
		return auditor.Report{}, err
	}
	pool, err := pgkit.Open(ctx, pgkit.Config{URL: string(cfg.DatabaseURL), Role: cfg.DatabaseRole, ApplicationName: "passbook verify", MaxConns: 4})
	if err != nil {
		return auditor.Report{}, err
	}
	defer pool.Close()
	return auditor.Verify(ctx, pool, codec, options)
}

func write(w io.Writer, report auditor.Report, asJSON bool) error {
	if !asJSON {
		return report.WriteText(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
