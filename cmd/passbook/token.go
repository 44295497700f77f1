package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/internal/config"
	"passbook/internal/embedded"
	"passbook/internal/localissuer"
	"passbook/internal/service"
)

// stateFlag is where a local bank keeps what must outlive it.
type stateFlag struct {
	State string `placeholder:"DIR" help:"State directory of the bank (default: ${default_state})."`
}

func (s stateFlag) dir() string {
	if s.State != "" {
		return s.State
	}
	return embedded.DefaultStateDir()
}

// operatorSubject is whom tokens speak for that are not asked to speak for anybody else.
const operatorSubject = "operator"

type tokenCommand struct {
	stateFlag `embed:""`
	Scope     []string      `help:"Scopes, separated by commas." default:"accounts:write,accounts:read,audit:read,operations"`
	Sub       string        `help:"Whom the token speaks for. With the scope own: the owner_id of the accounts." default:"operator"`
	TTL       time.Duration `name:"ttl" help:"How long it is good; a negative time makes one that has expired." default:"12h"`
}

func (c tokenCommand) Run(t terminal) error {
	if err := localissuer.Allowed(t.environ["AUTH_ISSUER"]); err != nil {
		return err
	}
	for _, scope := range c.Scope {
		if !known(scope) {
			return fmt.Errorf("unknown scope %q; there are %v", scope, auth.Scopes())
		}
	}
	issuer, err := localissuer.Open(c.dir())
	if err != nil {
		return err
	}
	token, err := issuer.Token(localissuer.TokenRequest{Subject: c.Sub, Scopes: c.Scope, TTL: c.TTL})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.stdout, token)
	return err
}

func known(scope string) bool {
	for _, s := range auth.Scopes() {
		if string(s) == scope {
			return true
		}
	}
	return false
}

type issuerCommand struct {
	stateFlag `embed:""`
	Addr      string `help:"Where it listens." default:":8090"`
}

// Run serves discovery and keys. Services find it by AUTH_DISCOVERY_URL.
func (c issuerCommand) Run(ctx context.Context, t terminal) error {
	if err := localissuer.Allowed(t.environ["AUTH_ISSUER"]); err != nil {
		return err
	}
	issuer, err := localissuer.Open(c.dir())
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return err
	}
	log := service.NewLogger(t.stderr, config.Log{}, "issuer")
	log.Info("listening", "service", "issuer", "address", listener.Addr().String(), "issuer", localissuer.ID)
	server := &http.Server{Handler: issuer.Handler(), ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	return httpapi.Serve(ctx, listener, server, 5*time.Second)
}
