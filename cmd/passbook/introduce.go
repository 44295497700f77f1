package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"passbook/internal/embedded"
	"passbook/internal/service"
)

// apiURL is how this machine reaches the API of a service.
func apiURL(s *service.Service) string {
	if s.Secure {
		return "https" + strings.TrimPrefix(localURL(s.Addr), "http")
	}
	return localURL(s.Addr)
}

// localURL is how this machine reaches the address.
func localURL(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "http://" + addr.String()
	}
	host := "localhost"
	if !tcp.IP.IsUnspecified() && !tcp.IP.IsLoopback() {
		host = tcp.IP.String()
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

// introduce says where everything is, with lines that work as pasted into another terminal.
func (b *bank) introduce(w io.Writer, c upCommand) error {
	commandURL, queryURL := apiURL(b.command), apiURL(b.query)
	var s strings.Builder
	fmt.Fprintf(&s, "\nPassbook is up. Ctrl-C stops it; what it was told stays in %s.\n\n", c.dir())
	fmt.Fprintf(&s, "  command API  %s  (%s/openapi.json)\n", commandURL, commandURL)
	fmt.Fprintf(&s, "  query API    %s  (%s/openapi.json)\n", queryURL, queryURL)
	fmt.Fprintf(&s, "  operations   %s/readyz  /livez  /metrics\n", localURL(b.ops.Listener.Addr()))
	if b.postgres != nil {
		fmt.Fprintf(&s, "  Postgres     psql '%s'\n", b.psqlURL())
	}
	if b.nats != nil && c.NatsPort != 0 {
		fmt.Fprintf(&s, "  NATS         %s\n", b.nats.URL())
	}
	s.WriteString("\nIn another terminal:\n\n")
	fmt.Fprintf(&s, "  TOKEN=$(%s)\n", b.tokenLine(c))
	s.WriteString(curls(commandURL, queryURL))
	_, err := io.WriteString(w, s.String())
	return err
}

// psqlURL is over the port where one was asked for, else over the socket.
func (b *bank) psqlURL() string {
	if overPort := b.postgres.TCPURL("postgres"); overPort != "" {
		return overPort
	}
	return b.postgres.URL("postgres")
}

func (b *bank) tokenLine(c upCommand) string {
	if !b.local {
		return "a token of " + b.environ["AUTH_ISSUER"]
	}
	if c.dir() == embedded.DefaultStateDir() {
		return "./bin/passbook token"
	}
	return "./bin/passbook token --state " + shellQuote(c.dir())
}

// shellQuote makes one word of any text.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// exampleAccount is a fixed id, so that the lines can be pasted one by one, in any number.
const exampleAccount = "01977a70-5d5c-7c3a-9d5e-6f1a2b3c4d5e"

func curls(commandURL, queryURL string) string {
	return fmt.Sprintf(`  curl -s %[1]s/v1/accounts -H "Authorization: Bearer $TOKEN" -H 'Idempotency-Key: open-1' \
    -H 'Content-Type: application/json' \
    -d '{"account_id": "%[3]s", "owner_id": "ada", "owner_name": "Ada Lovelace", "currency": "EUR"}'
  curl -s %[1]s/v1/accounts/%[3]s/deposits -H "Authorization: Bearer $TOKEN" -H 'Idempotency-Key: deposit-1' \
    -H 'Content-Type: application/json' \
    -d '{"amount": 12550, "currency": "EUR", "reference": "first salary"}'
  curl -s %[2]s/v1/accounts/%[3]s -H "Authorization: Bearer $TOKEN" -H 'Passbook-Min-Position: 2'

`, commandURL, queryURL, exampleAccount)
}
