package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/client"
	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/internal/demo"
)

// ruleBank decides with the bank's own rules and keeps everything in memory.
type ruleBank struct {
	t       *testing.T
	mu      sync.Mutex
	states  map[uuid.UUID]account.State
	answers map[string]string
	events  map[string]int // by wire name
	limit   int            // commands after which it breaks down; 0: never
}

// request is the union of the bodies that the demo sends.
type request struct {
	AccountID      uuid.UUID         `json:"account_id"`
	OwnerID        string            `json:"owner_id"`
	OwnerName      string            `json:"owner_name"`
	OverdraftLimit *money.Amount     `json:"overdraft_limit"`
	Metadata       map[string]string `json:"metadata"`
	Amount         money.Amount      `json:"amount"`
	Currency       money.Currency    `json:"currency"`
	Source         string            `json:"source"`
	Channel        string            `json:"channel"`
	Reason         string            `json:"reason"`
	Rate           string            `json:"rate"`
	Period         string            `json:"period"`
	Reference      string            `json:"reference"`
	Scope          string            `json:"scope"`
	EffectiveAt    time.Time         `json:"effective_at"`
}

func (r request) command(what string) account.Command {
	m := money.Money{Amount: r.Amount, Currency: r.Currency}
	id := uuid.New()
	switch what {
	case "":
		limit := money.Amount(0)
		if r.OverdraftLimit != nil {
			limit = *r.OverdraftLimit
		}
		return account.Open{AccountID: r.AccountID, OwnerID: r.OwnerID, OwnerName: r.OwnerName, Currency: r.Currency, OverdraftLimit: limit, Metadata: r.Metadata}
	case "deposits":
		return account.Deposit{TransactionID: id, Money: m, Source: r.Source, Reference: r.Reference}
	case "withdrawals":
		return account.Withdraw{TransactionID: id, Money: m, Channel: r.Channel, Reference: r.Reference}
	case "fees":
		return account.ChargeFee{TransactionID: id, Money: m, Reason: r.Reason}
	case "interest":
		return account.PostInterest{TransactionID: id, Money: m, Rate: r.Rate, Period: r.Period}
	case "freeze":
		return account.Freeze{Reason: r.Reason, Scope: account.FreezeScope(r.Scope)}
	case "unfreeze":
		return account.Unfreeze{Reason: r.Reason}
	case "close":
		return account.Close{Reason: r.Reason}
	case "settings":
		return account.ChangeSettings{OverdraftLimit: r.OverdraftLimit}
	}
	panic("the demo sent " + what)
}

func (b *ruleBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	if given, ok := b.answers[key]; ok {
		w.Header().Set("Idempotent-Replayed", "true")
		fmt.Fprint(w, given)
		return
	}
	if b.limit > 0 && len(b.answers) == b.limit {
		panic(http.ErrAbortHandler)
	}
	var body request
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		b.t.Errorf("%s: %v", key, err)
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/accounts"), "/") // "", id, what
	what := strings.Join(parts[min(2, len(parts)):], "")
	if r.Method == http.MethodPatch {
		what = "settings"
	}
	if len(parts) > 1 {
		body.AccountID = uuid.MustParse(parts[1])
	}
	state, err := b.decide(body.AccountID, body.command(what))
	if err != nil {
		w.WriteHeader(422)
		fmt.Fprintf(w, `{"code":"refused","detail":%q}`, err)
		return
	}
	b.answers[key] = fmt.Sprintf(`{"account_id":%q,"balance":%d}`, state.ID, state.Balance)
	fmt.Fprint(w, b.answers[key])
}

func (b *ruleBank) decide(id uuid.UUID, c account.Command) (account.State, error) {
	state := b.states[id]
	events, err := account.Decide(state, c, time.Now())
	for _, e := range events {
		name, _, _ := account.Encode(e)
		b.events[name]++
		state = account.Evolve(state, e, time.Now())
	}
	b.states[id] = state
	return state, err
}

func (b *ruleBank) run(ctx context.Context) (demo.Summary, string, error) {
	b.t.Helper()
	server := httptest.NewServer(b)
	defer server.Close()
	teller, err := client.New(client.Options{CommandURL: server.URL, Retry: client.Retry{Patience: 100 * time.Millisecond, WaitMin: time.Millisecond}})
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	summary, err := demo.Run(ctx, teller, &out)
	return summary, out.String(), err
}

func newRuleBank(t *testing.T) *ruleBank {
	t.Helper()
	return &ruleBank{t: t, states: map[uuid.UUID]account.State{}, answers: map[string]string{}, events: map[string]int{}}
}

// Nothing of the demo is against the rules, and it shows every kind of event but reopening.
func TestDemo(t *testing.T) {
	t.Parallel()
	bank := newRuleBank(t)
	summary, out, err := bank.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if summary.Accounts != 7 || summary.Commands != len(bank.answers) || summary.Replayed != 0 {
		t.Errorf("got %+v, the bank answered %d commands", summary, len(bank.answers))
	}
	for _, kind := range account.Types() {
		if between := strings.Split(kind.Name, ".")[0]; slices.Contains([]string{"transfer", "hold", "reversal"}, between) {
			continue // the demo stays within accounts
		}
		if kind.Name != "account.reopened" && bank.events[kind.Name] == 0 {
			t.Errorf("the demo shows no %s", kind.Name)
		}
	}
	standing := map[account.Status]int{}
	for _, s := range bank.states {
		standing[s.Status]++
		if s.Status != "closed" && s.Balance == 0 {
			t.Errorf("%s ends with nothing", s.OwnerName)
		}
	}
	if standing["open"] != 5 || standing["frozen"] != 1 || standing["closed"] != 1 {
		t.Errorf("accounts by status: %v", standing)
	}
	if !strings.Contains(out, "Jakub Dvořák") || !strings.Contains(out, " KWD ") || strings.Count(out, "\n") != 8 {
		t.Errorf("listed:\n%s", out)
	}
}

func TestDemoTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	bank := newRuleBank(t)
	first, out, err := bank.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, again, err := bank.run(t.Context())
	if err != nil || second.Commands != first.Commands || second.Replayed != first.Commands {
		t.Errorf("got %+v after %+v, error %v", second, first, err)
	}
	if out != again {
		t.Errorf("another list:\n%s\nthan before:\n%s", again, out)
	}
}

func TestDemoGoesOnWhereItWasCutShort(t *testing.T) {
	t.Parallel()
	bank := newRuleBank(t)
	bank.limit = 40
	if summary, _, err := bank.run(t.Context()); err == nil || summary.Commands != 40 {
		t.Fatalf("got %+v, error %v", summary, err)
	}
	bank.limit = 0
	if summary, _, err := bank.run(t.Context()); err != nil || summary.Replayed != 40 {
		t.Errorf("got %+v, error %v", summary, err)
	}
}

func TestDemoStopsAtARefusal(t *testing.T) {
	t.Parallel()
	bank := newRuleBank(t)
	if _, _, err := bank.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	clear(bank.answers) // the bank forgets the keys, so that everything is decided again
	_, _, err := bank.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}
