package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/client"
	"passbook/domain/payment"
	"passbook/internal/natsclearing"
	"passbook/internal/natskit"
	"passbook/internal/natstest"
	"passbook/internal/pgtest"
	"passbook/readmodel"
)

// payments is two command APIs and a clearing house as processes of their own, and customers who pay.
type payments struct {
	t        *testing.T
	admin    *pgxpool.Pool
	query    *pgxpool.Pool
	database string
	nats     string
	environ  []string
	apis     [2]*process
	front    *balancer
	bank     *client.Client
	accounts []string
}

func newPayments(t *testing.T, accounts int) *payments {
	t.Helper()
	f := &fleet{t: t, database: pgtest.New(t), issuerState: stateDir(t), processes: map[string][]*process{}, front: map[string]*balancer{}}
	issuer := start(t, "passbook", nil, "issuer", "--state", f.issuerState, "--addr", "127.0.0.1:0")
	address := issuer.await(`listening.*address=(\S+)`)[1]
	p := &payments{t: t, database: f.database.URL, nats: natstest.Start(t).URL}
	start(t, "passbook", nil, "clearing", "--nats", p.nats, "--delay", "300ms").await(`the clearing house is open`)
	f.environ = []string{
		"DATABASE_URL=" + p.database, "NATS_URL=" + p.nats, "HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0",
		"AUTH_ISSUER=http://passbook.local/issuer", "AUTH_DISCOVERY_URL=http://" + address + "/issuer",
		"PAYMENT_STATUS_EVERY=500ms", "PAYMENT_BACKOFF_MAX=500ms", "PAYMENT_STUCK_AFTER=3", "PAYMENT_GRACE=2s", "CLEARING_TIMEOUT=500ms",
	}
	for range p.apis {
		f.add("command-api")
	}
	commandURL := f.open("command-api")
	p.environ, p.front = f.environ, f.front["command-api"]
	copy(p.apis[:], f.processes["command-api"])
	p.admin, p.query = f.database.Pool(t, ""), f.database.Pool(t, "passbook_query")
	p.bank = clientOf(t, commandURL, "", output(t, "passbook", "token", "--state", f.issuerState))
	for i := range accounts {
		id := uuid.MustParse(fmt.Sprintf("01977a70-5d5c-7c3a-9d5e-0000000000%02d", i))
		p.accounts = append(p.accounts, id.String())
		_, err := p.bank.OpenAccount(t.Context(), "open-"+id.String(), client.OpenAccount{AccountID: id, OwnerID: "ada", OwnerName: "Ada", Currency: "EUR"})
		if err == nil {
			_, err = p.bank.Deposit(t.Context(), "deposit-"+id.String(), id, client.Deposit{Amount: 1_000_000, Currency: "EUR"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// kinds of payments, by what the clearing house does with them: each outcome that is possible.
var paymentKinds = []struct {
	reference string
	within    time.Duration
	outcomes  string
	agree     bool // the clearing house says what it did, and it is the outcome
}{
	{"rent", time.Hour, "settled", true},
	{"clearing:reject", time.Hour, "rejected", true},
	{"clearing:duplicate", time.Hour, "settled", true},
	{"clearing:forget", time.Hour, "settled", false},
	{"clearing:contradict", time.Hour, "settled rejected", false},
	{"clearing:silent", 10 * time.Second, "timed_out", false},
}

// Customers pay while the command APIs are killed without warning, one after the other and the one that leads among them. Each
// payment that was acknowledged has one outcome, the one that the clearing house knows of, and its money is held no more.
func TestPaymentsWhileCommandAPIsAreKilled(t *testing.T) {
	t.Parallel()
	const customers, each = 4, 18
	p := newPayments(t, customers)
	kindOf := make([]map[string]int, customers) // by payment
	var paying sync.WaitGroup
	for c, account := range p.accounts {
		kindOf[c] = map[string]int{}
		paying.Go(func() {
			for i := range each {
				kind := i % len(paymentKinds)
				requested, err := p.bank.RequestPayment(t.Context(), fmt.Sprintf("pay-%d-%d", c, i), client.PaymentOrder{
					AccountID: uuid.MustParse(account), Amount: 1000, Currency: "EUR", Creditor: client.Creditor{Name: "Grace", Account: "DE89370400440532013000"},
					Reference: paymentKinds[kind].reference, Deadline: time.Now().Add(paymentKinds[kind].within).UTC().Truncate(time.Second),
				})
				if err != nil {
					t.Error(err)
					continue
				}
				kindOf[c][requested.PaymentID.String()] = kind
			}
		})
	}
	for i := range 3 {
		p.untilLog("some payments are on their way", `SELECT count(*) > $1 FROM events WHERE type = 'payment.submitted'`, 6*(i+1))
		p.killLeader()
	}
	paying.Wait()
	p.untilLog("every payment has its outcome", `SELECT count(*) >= $1 FROM events
		WHERE type IN ('payment.settled', 'payment.rejected', 'payment.timed_out', 'payment.cancelled')`, customers*each)
	p.untilLog("nothing is open", `SELECT count(*) = $1 FROM process.payments`, 0)
	for _, api := range p.apis {
		api.stop()
	}
	if made := p.check(kindOf); made != customers*each {
		t.Errorf("%d payments were made, want %d", made, customers*each)
	}
	p.audit()
}

// audit has the read models made, and log and read models proven.
func (p *payments) audit() {
	p.t.Helper()
	projector := start(p.t, "projector", p.environ)
	var head int64
	if err := p.admin.QueryRow(p.t.Context(), `SELECT position FROM log_head`).Scan(&head); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if _, err := readmodel.NewQueries(p.query).WaitFor(ctx, head); err != nil {
		p.t.Fatalf("wait for position %d: %v", head, err)
	}
	projector.stop()
	if report := verify(p.t, p.database); report.Head != head {
		p.t.Errorf("proven up to %d, want %d", report.Head, head)
	}
}

// killLeader kills the command API that carries payments through, and starts another one in its place.
func (p *payments) killLeader() {
	p.t.Helper()
	victim := 0
	p.until("somebody leads", func() bool {
		var holder string
		_ = p.admin.QueryRow(p.t.Context(), `SELECT holder FROM leases WHERE name = 'process' AND expires_at > now()`).Scan(&holder)
		for i, api := range p.apis {
			if strings.Contains(holder, fmt.Sprintf("/%d/", api.cmd.Process.Pid)) {
				victim = i
				return true
			}
		}
		return false
	})
	p.apis[victim].kill()
	p.apis[victim] = start(p.t, "command-api", p.environ)
	p.front.set(p.t, victim, p.apis[victim].await(`listening.*service=command-api.*address=(\S+)`)[1])
}

func (p *payments) untilLog(what, sql string, args ...any) {
	p.t.Helper()
	p.until(what, func() (holds bool) {
		if err := p.admin.QueryRow(p.t.Context(), sql, args...).Scan(&holds); err != nil {
			p.t.Fatal(err)
		}
		return holds
	})
}

func (p *payments) until(what string, holds func() bool) {
	p.t.Helper()
	late, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			p.t.Fatalf("not in time: %s", what)
		}
	}
}

// check holds every payment in the log to what is known of it, and returns how many there are.
func (p *payments) check(kindOf []map[string]int) (made int) {
	p.t.Helper()
	conn, err := natskit.Connect(p.t.Context(), natskit.Config{URL: p.nats})
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	house := natsclearing.NewClient(conn, natsclearing.DefaultPrefix, slog.New(slog.DiscardHandler))
	settled := map[string]int64{} // by account
	for c, kinds := range kindOf {
		for id, kind := range kinds {
			made++
			outcome := p.outcome(id, p.accounts[c])
			want := paymentKinds[kind]
			if !strings.Contains(want.outcomes, outcome) {
				p.t.Errorf("payment %s (%s) is %s, want %s", id, want.reference, outcome, want.outcomes)
			}
			if outcome == "settled" {
				settled[p.accounts[c]]++
			}
			if !want.agree {
				continue
			}
			if a, err := house.Status(p.t.Context(), uuid.MustParse(id)); err != nil || a.Kind != payment.AnswerKind(outcome) {
				p.t.Errorf("payment %s (%s) is %s, the clearing house says %+v, %v", id, want.reference, outcome, a, err)
			}
		}
	}
	for _, account := range p.accounts {
		var balance, held int64
		if err := p.admin.QueryRow(p.t.Context(), `SELECT (data->>'balance_after')::bigint, (data->>'held_after')::bigint FROM events
			WHERE stream_id = $1 ORDER BY version DESC LIMIT 1`, account).Scan(&balance, &held); err != nil {
			p.t.Fatal(err)
		}
		if want := 1_000_000 - 1000*settled[account]; balance != want || held != 0 {
			p.t.Errorf("account %s has %d with %d held, want %d and 0", account, balance, held, want)
		}
	}
	return made
}

// outcome returns a payment's outcome. It has one, and a hold that was placed once and ended once, as the outcome says.
func (p *payments) outcome(id, account string) string {
	p.t.Helper()
	var outcomes, holds []string
	err := p.admin.QueryRow(p.t.Context(), `SELECT
		array(SELECT type FROM events WHERE stream_id = $1 AND type IN ('payment.settled', 'payment.rejected', 'payment.timed_out', 'payment.cancelled')),
		array(SELECT type FROM events WHERE stream_id = $2 AND data->>'payment_id' = $1::text ORDER BY version)`, id, account).Scan(&outcomes, &holds)
	if err != nil || len(outcomes) != 1 {
		p.t.Errorf("payment %s: %v, %v", id, outcomes, err)
		return "none"
	}
	ended := "hold.released"
	if outcomes[0] == "payment.settled" {
		ended = "hold.captured"
	}
	if len(holds) != 2 || holds[0] != "hold.placed" || holds[1] != ended {
		p.t.Errorf("payment %s has %v, and its hold %v", id, outcomes, holds)
	}
	return strings.TrimPrefix(outcomes[0], "payment.")
}
