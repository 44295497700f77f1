package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/client"
	"passbook/internal/pgkit"
)

// Variables of this test, beside killSeed: for how many seconds money is moved.
const transferSeconds = "PASSBOOK_TEST_TRANSFER_SECONDS"

// Many clients move money at random among few accounts, through two of each service, of which one after another is killed without
// warning. No money is made or lost, and each acknowledged transfer is on both sides exactly once.
func TestTransfersWhileProcessesDie(t *testing.T) {
	t.Parallel()
	const clients, accounts, each = 64, 10, 10_000
	seconds, seed := variable(t, transferSeconds, 8), uint64(variable(t, killSeed, int(time.Now().UnixNano()&0xffffff))) //nolint:gosec // small
	t.Logf("%s=%d %s=%d", transferSeconds, seconds, killSeed, seed)
	f := newFleet(t)
	teller := newTeller(f)
	ids := make([]uuid.UUID, accounts)
	for i := range ids {
		ids[i] = teller.open(each)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(c))) //nolint:gosec // small
			for n := 0; ctx.Err() == nil; n++ {
				//nolint:contextcheck // one that was begun is seen to its end
				teller.transfer(fmt.Sprintf("c%d-%d", c, n), ids[random.IntN(accounts)], ids[random.IntN(accounts)], 1+random.Int64N(3*each))
			}
		})
	}
	killed := f.killAtRandom(ctx, rand.New(rand.NewPCG(seed, 999)))
	all.Wait()
	t.Logf("%d processes killed, %d transfers acknowledged, %d refused", killed, len(teller.made), teller.refused)
	if killed == 0 || len(teller.made) < clients {
		t.Errorf("%d killed and %d made: this test has shown nothing", killed, len(teller.made))
	}
	caughtUp(t, f.queryURL, f.issuerState)
	for _, kind := range kinds {
		for _, p := range f.processes[kind] {
			p.stop()
		}
	}
	verify(t, f.database.URL)
	teller.check(accounts * each)
}

// killAtRandom kills and replaces processes until ctx is done.
func (f *fleet) killAtRandom(ctx context.Context, random *rand.Rand) (killed int) {
	for {
		select {
		case <-time.After(time.Duration(500+random.IntN(1500)) * time.Millisecond):
			kind := []string{"command-api", "command-api", "projector", "query-api"}[random.IntN(4)]
			f.replaceOne(kind, random.IntN(2))
			killed++
		case <-ctx.Done():
			return killed
		}
	}
}

// teller gives commands until each has a final answer, whatever dies meanwhile: the client sends them with the same key, again and again.
type teller struct {
	fleet *fleet
	token string
	bank  *client.Client

	mu      sync.Mutex
	made    map[uuid.UUID]int64 // amounts of acknowledged transfers
	refused int
}

func newTeller(f *fleet) *teller {
	token := strings.TrimSpace(output(f.t, "passbook", "token", "--state", f.issuerState))
	return &teller{fleet: f, token: token, bank: clientOf(f.t, f.commandURL, f.queryURL, token), made: map[uuid.UUID]int64{}}
}

func (l *teller) open(balance int64) uuid.UUID {
	t := l.fleet.t
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	_, err := l.bank.OpenAccount(t.Context(), "open-"+id.String(), client.OpenAccount{AccountID: id, OwnerID: "o", OwnerName: "Ada", Currency: "EUR"})
	if err == nil {
		_, err = l.bank.Deposit(t.Context(), "first-"+id.String(), id, client.Deposit{Amount: balance, Currency: "EUR"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (l *teller) transfer(key string, from, to uuid.UUID, amount int64) {
	done, err := l.bank.Transfer(l.fleet.t.Context(), key, client.TransferOrder{SourceAccountID: from, TargetAccountID: to, Amount: amount, Currency: "EUR"})
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.made[done.TransferID] = amount
	case client.IsCode(err, client.ErrorCodeInsufficientFunds, client.ErrorCodeSameAccount):
		l.refused++
	default:
		l.fleet.t.Errorf("%s: %v", key, err)
	}
}

// check holds the log against what was acknowledged. Transfers beyond that may be there: their clients died of the deadline, no
// client here did, so there are none.
func (l *teller) check(total int64) {
	t := l.fleet.t
	t.Helper()
	pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: l.fleet.database.URL, Role: "passbook_projector"})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	rows, err := pool.Query(t.Context(), `
SELECT (data ->> 'transaction_id')::uuid, count(*) FILTER (WHERE type = 'transfer.sent'), count(*) FILTER (WHERE type = 'transfer.received'),
    min((data ->> 'amount')::bigint), max((data ->> 'amount')::bigint)
FROM events WHERE type IN ('transfer.sent', 'transfer.received') GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var id [16]byte
	var sent, received, least, most int64
	seen := 0
	_, err = pgx.ForEachRow(rows, []any{&id, &sent, &received, &least, &most}, func() error {
		seen++
		if amount, made := l.made[id]; !made || sent != 1 || received != 1 || least != amount || most != amount {
			t.Errorf("transfer %s of %d: sent %d times, received %d times, of %d to %d", uuid.UUID(id), amount, sent, received, least, most)
		}
		return nil
	})
	if err != nil || seen != len(l.made) {
		t.Errorf("%d transfers in the log, %d acknowledged: %v", seen, len(l.made), err)
	}
	var sum int64
	if err := pool.QueryRow(t.Context(), `SELECT sum(balance)::bigint FROM readmodel.balances`).Scan(&sum); err != nil || sum != total {
		t.Errorf("all accounts hold %d, %d were paid in: %v", sum, total, err)
	}
}
