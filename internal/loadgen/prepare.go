package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"passbook/client"
)

const (
	// preparePatience is how long one command of the preparation is sent again while the bank is not able to take it.
	preparePatience = time.Minute
	// prepareWorkers is how many accounts are opened at a time.
	prepareWorkers = 256
)

// newClients makes the clients that prepare a run, one for each command API. What is measured goes another way, which costs less: see package lean.
func newClients(cfg *Config) (clients []*client.Client, err error) {
	transport := &http.Transport{MaxIdleConns: prepareWorkers, MaxIdleConnsPerHost: prepareWorkers, TLSClientConfig: cfg.TLS}
	for _, url := range cfg.CommandURLs {
		c, err := client.New(client.Options{
			CommandURL: url, QueryURL: cfg.QueryURL, Token: client.StaticToken(cfg.Token), UserAgent: userAgent,
			HTTP: &http.Client{Timeout: cfg.Timeout, Transport: transport}, Retry: client.Retry{Patience: preparePatience},
		})
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// prepare makes sure that all accounts are open and have enough on them. Its keys are those of the seed, so that what a run
// that was cut short has done is not done again; and after a whole one, the marker account says that nothing is left to do.
func (b *bench) prepare(ctx context.Context) error {
	clients, err := newClients(&b.cfg)
	if err != nil {
		return err
	}
	ready, err := b.ready(ctx, clients[0])
	if err != nil {
		return err
	}
	if !ready {
		b.note("opening %d accounts", b.population.size)
		if err := b.openAll(ctx, clients); err != nil {
			return err
		}
	}
	if b.reading == nil {
		return nil
	}
	return b.awaitReadable(ctx, clients)
}

// awaitReadable returns when the read models know the last account. Of a population that was ready before the client has seen no position: the marker's opening
// tells one again.
func (b *bench) awaitReadable(ctx context.Context, clients []*client.Client) error {
	if err := b.open(ctx, clients[0], b.population.marker(), b.population.markerKey()); err != nil {
		return err
	}
	for _, c := range clients[1:] {
		clients[0].Saw(c.Position())
	}
	_, err := clients[0].GetAccount(ctx, b.population.id(b.population.size-1))
	return err
}

// ready asks for money from the marker account: 404 when it is not there, 422 when it is, since nothing ever lay on it.
func (b *bench) ready(ctx context.Context, bank *client.Client) (ready bool, err error) {
	_, err = bank.Withdraw(ctx, b.keyPrefix+"ready", b.population.marker(), client.Withdrawal{Amount: 1, Currency: currency})
	var refused *client.Problem
	switch {
	case err == nil:
		return false, errors.New("there is money on the account that marks the end of the preparation")
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return false, nil
	case errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity:
		return true, nil
	}
	return false, err
}

func (b *bench) openAll(ctx context.Context, clients []*client.Client) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	var next atomic.Int64
	for i := range min(len(b.workers), prepareWorkers) {
		running.Go(func() {
			for k := int(next.Add(1)) - 1; k < b.population.size; k = int(next.Add(1)) - 1 {
				if err := b.openOne(ctx, clients[i%len(clients)], k); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return b.open(ctx, clients[0], b.population.marker(), b.population.markerKey())
}

// openOne opens and funds the k-th account.
func (b *bench) openOne(ctx context.Context, bank *client.Client, k int) error {
	id := b.population.id(k)
	if err := b.open(ctx, bank, id, b.population.openKey(k)); err != nil {
		return err
	}
	_, err := bank.Deposit(ctx, string(b.population.fundKey(k)), id, client.Deposit{Amount: funding, Currency: currency})
	return err
}

// open accepts that another token's subject, whose keys are others, has opened the account before.
func (b *bench) open(ctx context.Context, bank *client.Client, id uuid.UUID, key []byte) error {
	owner := fmt.Sprintf("bench-%d", b.cfg.Seed)
	_, err := bank.OpenAccount(ctx, string(key), client.OpenAccount{AccountID: id, OwnerID: owner, OwnerName: owner, Currency: currency})
	if client.IsCode(err, client.ErrorCodeAccountExists) {
		return nil
	}
	return err
}
