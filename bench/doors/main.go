// Command doors measures what stands before a command: who calls, whether that is allowed, and whether what is asked has the right form. A
// whole bank in one process is put under the load of passbook bench, and the profile of its processor time is laid out by the functions
// that do these things.
//
//	cd bench && go run ./doors -rounds 3 -seconds 15
//
// Exit codes: 0 measured; 1 failed; 2 wrong flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"passbook/bench/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type options struct {
	rounds, seconds, connections, port int
	wrap                               string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("doors", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 3, "how often it is measured")
	flags.IntVar(&o.seconds, "seconds", 15, "length of one measurement")
	flags.IntVar(&o.connections, "connections", 64, "clients, each with one request at a time")
	flags.IntVar(&o.port, "port", 18080, "the first of three ports of the bank")
	flags.StringVar(&o.wrap, "wrap", "", "a program that each measurement is run under, such as one that keeps others quiet")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || flags.NArg() > 0 || o.rounds < 1 || o.seconds < 1 || o.connections < 1:
		return 2
	}
	if err := measure(ctx, o, stdout); err != nil {
		fmt.Fprintln(stderr, "doors:", err)
		return 1
	}
	return 0
}

func measure(ctx context.Context, o options, stdout io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "passbook-doors-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // under root the database's own user passes through it
		return err
	}
	binaries, err := rig.Build(ctx, "..", dir)
	if err != nil {
		return err
	}
	address := func(i int) string { return "127.0.0.1:" + strconv.Itoa(o.port+i) }
	state := filepath.Join(dir, "state")
	bank, err := binaries.Start("passbook", nil, "up", "--state", state, "--command-addr", address(0), "--query-addr", address(1), "--ops-addr", address(2))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bank.Stop()) }()
	if _, err := bank.Await(ctx, regexp.MustCompile(`(Passbook is up)`)); err != nil {
		return err
	}
	w := &watch{ops: "http://" + address(2), bench: bench{
		program: filepath.Join(dir, "passbook"), state: state, command: "http://" + address(0), query: "http://" + address(1), options: o}}
	if err := w.bench.run(ctx, time.Second, ""); err != nil { // its accounts are opened
		return err
	}
	var rounds []round
	for range o.rounds {
		r, err := w.round(ctx, time.Duration(o.seconds)*time.Second)
		if err != nil {
			return err
		}
		rounds = append(rounds, r)
	}
	return write(stdout, o, rounds)
}
