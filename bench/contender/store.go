package contender

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/command"
	"passbook/domain/account"
	banking "passbook/domain/bank"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/httpapi/commandapi"
	"passbook/internal/pgkit"
)

// The write path without HTTP and tokens: queue, decide, render, commit; idempotency and snapshots as in the service.
var store = Contender{
	Name: "store",
	Measures: []Measure{
		{"store/spread/64", "write path without HTTP, 10,000 accounts, 64 waiting", YardstickWrite},
		{"store/spread/256", "write path without HTTP, 10,000 accounts, 256 waiting", YardstickWrite},
		{"store/hot/64", "write path without HTTP, one account, 64 waiting", YardstickWrite},
		{"store/hot/256", "write path without HTTP, one account, 256 waiting", YardstickWrite},
	},
	turn: func(ctx context.Context, s *Stage) error {
		p, err := s.startProcessor(ctx)
		if err != nil {
			return err
		}
		accounts, err := s.openThrough(ctx, p)
		if err != nil {
			return err
		}
		for _, waiting := range []int{64, 256} {
			for _, of := range []struct {
				name     string
				accounts []uuid.UUID
			}{{"spread", accounts}, {"hot", accounts[:1]}} {
				id := fmt.Sprintf("store/%s/%d", of.name, waiting)
				if err := s.measure(ctx, id, []program{self("this program")}, deposits(p, of.accounts, waiting)); err != nil {
					return err
				}
			}
		}
		return s.audit(ctx)
	},
}

// startProcessor runs a processor that is put together as command-api does it.
func (s *Stage) startProcessor(ctx context.Context) (*command.Processor, error) {
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	pool, err := pgkit.Open(ctx, pgkit.Config{URL: s.url(), Role: "passbook_command", MaxConns: 8})
	if err != nil {
		return nil, err
	}
	s.later(func(context.Context) error { pool.Close(); return nil })
	p, err := command.New(eventstore.New(pool), command.Config{}, commandapi.Render, nil, s.bench.Log, prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(running) }()
	s.later(func(context.Context) error {
		stop()
		return <-ended
	})
	return p, nil
}

// openThrough opens the accounts.
func (s *Stage) openThrough(ctx context.Context, p *command.Processor) ([]uuid.UUID, error) {
	accounts := make([]uuid.UUID, streams)
	err := forEach(ctx, streams, 256, func(ctx context.Context, i int) error {
		accounts[i] = uuid.Must(uuid.NewV7())
		return execute(ctx, p, accounts[i], account.Open{AccountID: accounts[i], OwnerID: "owner", OwnerName: "Owner", Currency: euro})
	})
	if err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	s.acknowledged += streams
	return accounts, nil
}

// deposits pays into accounts at random.
func deposits(p *command.Processor, accounts []uuid.UUID, waiting int) work {
	return func(ctx context.Context, d time.Duration) (Sample, error) {
		return closedLoop(ctx, waiting, d, func(ctx context.Context, _ int) error {
			id := accounts[rand.IntN(len(accounts))] //nolint:gosec // which account does not matter
			return execute(ctx, p, id, account.Deposit{
				TransactionID: uuid.Must(uuid.NewV7()), Money: money.Money{Amount: 100, Currency: euro}, Reference: "bench",
			})
		})
	}
}

var euro = money.MustCurrency("EUR")

// execute has the command done under a key of its own, as the command API asks for it.
func execute(ctx context.Context, p *command.Processor, id uuid.UUID, c account.Command) error {
	key := uuid.NewString()
	answer, err := p.Execute(ctx, command.Request{
		Caller: "bench", Key: key, Fingerprint: sha256.Sum256([]byte(key)), Path: "/v1/accounts/" + id.String() + "/deposits", RequestID: key,
		Client: "bench", Actor: "bench", IfVersion: command.NoVersion, Command: banking.OnAccount{AccountID: id, Command: c},
	})
	if err != nil {
		return err
	}
	if answer.Status != http.StatusCreated {
		return fmt.Errorf("the command was answered %d: %s", answer.Status, answer.Body)
	}
	return nil
}
