package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/clearing"
	"passbook/internal/natskit"
	"passbook/internal/service"
	"passbook/internal/supervise"
)

// clearingFlags say how a local clearing house behaves.
type clearingFlags struct {
	Delay      time.Duration `help:"From taking a payment to its outcome." default:"2s"`
	Reject     float64       `help:"Share of payments that are rejected, 0 to 1."`
	Silent     float64       `help:"Share that nothing is ever heard of."`
	Late       float64       `help:"Share that is settled after the deadline, which is not allowed."`
	Duplicate  float64       `help:"Share whose outcome is told three times."`
	Contradict float64       `help:"Share whose outcome is contradicted afterwards."`
}

func (f clearingFlags) rates() clearing.Rates {
	return clearing.Rates{Delay: f.Delay, Reject: f.Reject, Silent: f.Silent, Late: f.Late, Duplicate: f.Duplicate, Contradict: f.Contradict}
}

type clearingCommand struct {
	clearingFlags `embed:""`
	NATS          string `name:"nats" placeholder:"URL" help:"The NATS server that the bank uses (default: NATS_URL)."`
	Creds         string `placeholder:"FILE" help:"Credentials file for NATS (default: NATS_CREDS_FILE)."`
	Subject       string `help:"What the subjects begin with: the bank's CLEARING_SUBJECT." default:"passbook.clearing"`
}

// clearingStopMax limits the stop of a clearing house, which has nothing to save.
const clearingStopMax = 5 * time.Second

// Run keeps a clearing house open until ctx is done. It remembers payments as long as it runs.
func (c clearingCommand) Run(ctx context.Context, t terminal) error {
	address := natskit.Config{
		URL: cmp.Or(c.NATS, t.environ["NATS_URL"]), CredsFile: cmp.Or(c.Creds, t.environ["NATS_CREDS_FILE"]), NKeyFile: t.environ["NATS_NKEY_FILE"],
		CAFile: t.environ["NATS_CA_FILE"], CertFile: t.environ["NATS_CERT_FILE"], KeyFile: t.environ["NATS_KEY_FILE"], Inbox: "_INBOX.clearing",
	}
	if address.URL == "" {
		return errors.New("no NATS: --nats or NATS_URL says where it is")
	}
	log := service.NewLogger(t.stderr, logConfig(t.environ), "clearing")
	house, err := service.ClearingHouse(ctx, address, c.Subject, c.rates(),
		service.Runtime{Log: log, Metrics: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	return supervise.Run(ctx, log, clearingStopMax, house.Parts...)
}
