// Command passbook is the bank in one process (up), and the tools around it: tokens, imports, a demonstration, migrations.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"passbook/internal/config"
	"passbook/internal/console"
	"passbook/internal/embedded"
	"passbook/internal/service"
	"passbook/internal/supervise"
)

// terminal is where a command writes and what it was started with.
type terminal struct {
	stdout, stderr io.Writer
	environ        map[string]string
}

type cli struct {
	Up       upCommand       `cmd:"" help:"Run the whole bank in one process, with a private Postgres and NATS unless DATABASE_URL or NATS_URL name others."`
	Token    tokenCommand    `cmd:"" help:"Print a bearer token of the local issuer."`
	Import   importCommand   `cmd:"" help:"Replay a statement file through the command API."`
	Demo     demoCommand     `cmd:"" help:"Fill a bank with a small, lively data set."`
	Bench    benchCommand    `cmd:"" help:"Put a running bank under load and measure it."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the schema of the database named by DATABASE_URL up to date."`
	Clearing clearingCommand `cmd:"" help:"Run a local clearing house, which payments out of the bank go to. It can be slow, silent, late, and wrong."`
	Issuer   issuerCommand   `cmd:"" help:"Run the local issuer by itself, for services that run apart."`

	DecodeLog decodeLogCommand `cmd:"" help:"Read every stored event with the code of this binary, and report what it cannot read."`
	Replay    replayCommand    `cmd:"" help:"Show the state of an account after each of its events."`
	Capture   captureCommand   `cmd:"" help:"Write the history of an account as a case for a test to replay."`
}

func main() {
	os.Exit(run(context.Background(), os.Args[1:], config.Environ(os.Environ()), os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, environ map[string]string, stdout, stderr io.Writer) int {
	ctx, stop := supervise.Signals(ctx)
	defer stop()
	exit := -1
	parser, err := kong.New(&cli{}, kong.Name("passbook"), kong.Description("An event-sourced bank."), kong.Vars{"default_state": embedded.DefaultStateDir()},
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }), kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(terminal{stdout, stderr, environ}))
	if err != nil {
		fmt.Fprintln(stderr, "passbook:", err)
		return service.ExitFailed
	}
	command, err := parser.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		fmt.Fprintln(stderr, "passbook:", err)
		return service.ExitUsage
	}
	return exitCode(stderr, command.Run())
}

func exitCode(stderr io.Writer, err error) int {
	if err == nil {
		return service.ExitOK
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(stderr, "passbook:", text)
	}
	var faults *config.Faults
	if errors.As(err, &faults) {
		return service.ExitUsage
	}
	return console.ExitCode(err)
}
