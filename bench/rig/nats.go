package rig

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"passbook/internal/embedded"
)

// natsCommand is the argument that makes this program a NATS server.
const natsCommand = "nats-server"

var natsListens = regexp.MustCompile(`nats listens at (\S+)`)

// StartNATS starts a NATS server as a process of its own, as a bank of several processes has one, and returns its URL.
func StartNATS(ctx context.Context, dir string) (*Process, string, error) {
	p, err := StartSelf("nats", natsCommand, dir)
	if err != nil {
		return nil, "", err
	}
	url, err := p.Await(ctx, natsListens)
	if err != nil {
		_ = p.Stop() // the first error tells more
		return nil, "", err
	}
	return p, url, nil
}

// ServeNATS is the other side of StartNATS: if the arguments ask for it, it is a NATS server until ctx is done.
func ServeNATS(ctx context.Context, args []string, stdout io.Writer) (asked bool, err error) {
	if len(args) != 2 || args[0] != natsCommand {
		return false, nil
	}
	server, err := embedded.StartNATS(ctx, embedded.NATSConfig{StateDir: args[1], Port: embedded.RandomPort})
	if err != nil {
		return true, err
	}
	fmt.Fprintln(stdout, "nats listens at", server.URL())
	<-ctx.Done()
	return true, server.Stop(context.WithoutCancel(ctx))
}
