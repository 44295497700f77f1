// Command projector keeps the read models up to date, proves that they are, and is what operators look after them with.
//
//	projector              runs until SIGINT or SIGTERM, configured by its environment
//	projector webhooks     delivers webhooks, likewise: a service of its own
//	projector healthcheck  asks the projector that runs under the same environment whether it is ready
//	projector --help       lists the commands of operators
//
// The commands need DATABASE_URL, and NATS_URL where they look at the stream. Exit codes are those of internal/console.
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
	"passbook/internal/supervise"
)

// cli lists the commands. Each has a file of its own.
type cli struct {
	JSON bool `name:"json" help:"Write the result as JSON, for machines; progress goes to standard error, an object a line."`

	Serve       serveCommand       `cmd:"" default:"1" hidden:"" help:"Keep the read models up to date. This is what projector without a command does."`
	Webhooks    webhooksCommand    `cmd:"" help:"Deliver webhooks: a service of its own."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask the projector that runs under the same environment whether it is ready."`
	Config      configCommand      `cmd:"" help:"Print what the environment and the defaults come to, secrets masked."`
	Status      statusCommand      `cmd:"" help:"Show where log, relay, stream and projections stand."`
	Trace       traceCommand       `cmd:"" help:"Follow one event from its commit to the read models."`
	Explain     explainCommand     `cmd:"" help:"Show what a balance is made of, and where log and read models agree."`
	Verify      verifyCommand      `cmd:"" help:"Fold the log independently and compare it with every row of the read models."`
	Rebuild     rebuildCommand     `cmd:"" help:"Make tables of projections anew from the log, while the bank is open, and switch to them."`
	Rollback    rollbackCommand    `cmd:"" help:"Serve readers from the generation before again."`
	Drop        dropCommand        `cmd:"" help:"Drop the generation before: there is no rollback any more."`
	Cancel      cancelCommand      `cmd:"" help:"Cancel a rebuild and drop what it has made."`
	Generations generationsCommand `cmd:"" help:"List the generations of projections."`
	Doctor      doctorCommand      `cmd:"" help:"Find what is ahead of a restored log, and repair it."`
	Parked      parkedCommand      `cmd:"" help:"Look after accounts that were set aside because one of their events cannot be applied."`
	Actions     actionsCommand     `cmd:"" help:"List what operators did, who and why."`
}

const description = `Keeps the read models of a bank up to date. Without a command it does so until SIGINT or SIGTERM; the commands are for operators.

They are configured by the environment: DATABASE_URL, and NATS_URL for those that look at the stream. See docs/operations.md.

Exit codes: 0 done, or all is as it should be; 1 failed; 2 wrong environment or arguments; 3 not confirmed, nothing was done;
4 something is not as it should be; 5 somebody else is doing it, nothing was done.`

func main() {
	os.Exit(run(context.Background(), os.Args[1:], config.Environ(os.Environ()), os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, environ map[string]string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := supervise.Signals(ctx)
	defer stop()
	commands, t := &cli{}, &terminal{Console: console.New(stdin, stdout, stderr), environ: environ, args: args}
	exit := -1
	parser, err := kong.New(commands, kong.Name("projector"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }), kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 130}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t))
	if err != nil {
		fmt.Fprintln(stderr, "projector:", err)
		return console.ExitFailed
	}
	command, err := parser.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "projector: %v; projector --help lists the commands\n", err)
		return console.ExitUsage
	}
	t.JSON = commands.JSON
	return exitCode(stderr, command.Run())
}

// exitCode says what went wrong, unless the command has said it already.
func exitCode(stderr io.Writer, err error) int {
	if err == nil {
		return console.ExitOK
	}
	if faults, ok := errors.AsType[*config.Faults](err); ok {
		fmt.Fprintln(stderr, faults)
		return console.ExitUsage
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(stderr, "projector:", text)
	}
	return console.ExitCode(err)
}
