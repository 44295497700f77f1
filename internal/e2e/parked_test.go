package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	domain "passbook/domain/account"
	"passbook/internal/natstest"
)

// shown is what the query API says of an account.
type shown struct {
	AccountID  uuid.UUID  `json:"account_id"`
	Balance    int64      `json:"balance"`
	Version    int64      `json:"version"`
	Stale      bool       `json:"stale"`
	StaleSince *time.Time `json:"stale_since"`
}

// One event among the events of 1,000 accounts cannot be applied: 999 accounts are current, one is parked and says so wherever it
// is read; once what was wrong is mended, a retry drains what waits in order. An event that nobody will ever read is passed over.
func TestAPoisonEventConcernsOneAccount(t *testing.T) {
	t.Parallel()
	const accounts = 1_000
	p := newProjectors(t, 71, natstest.Start(t).URL)
	p.customers.AccountsMax, p.customers.Batch = accounts, 1_000
	p.start()
	for len(p.customers.Accounts()) < accounts {
		p.write(2_000)
	}
	victim := p.customers.Accounts()[17]
	p.untilApplied(p.customers.Head().Position)
	p.exec(fmt.Sprintf(`ALTER TABLE readmodel.balances ADD CONSTRAINT poison CHECK (account_id <> '%s' OR version <= %d)`, victim.ID, victim.Version))
	for p.state(victim.ID).Version < victim.Version+3 {
		p.write(1_000)
	}
	head := p.customers.Head().Position
	p.untilApplied(head)
	p.verify(head)

	api := p.queryAPI()
	if stale := p.compare(api); !slices.Equal(stale, []uuid.UUID{victim.ID}) {
		t.Fatalf("stale are %v, want %s alone", stale, victim.ID)
	}
	api.refuses(victim.ID, head)
	p.operator(4, victim.ID.String(), "parked", "list", "balances")
	if out := p.operator(0, "constraint", "parked", "show", "balances", victim.ID.String()); !strings.Contains(out, "database") {
		t.Errorf("parked show:\n%s", out)
	}
	p.operator(4, "0 of 1 accounts released", "parked", "retry", "balances", victim.ID.String())
	p.exec(`ALTER TABLE readmodel.balances DROP CONSTRAINT poison`)
	p.operator(0, "released", "parked", "retry", "balances", victim.ID.String(), "--reason", "constraint dropped")
	if stale := p.compare(api); len(stale) > 0 {
		t.Errorf("stale after the retry: %v", stale)
	}
	p.verify(head)

	lost := p.customers.Accounts()[18].ID
	if _, err := p.customers.Poison(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	head = p.write(1_000)
	p.untilApplied(head)
	if stale := p.compare(api); !slices.Equal(stale, []uuid.UUID{lost}) {
		t.Errorf("stale are %v, want %s alone", stale, lost)
	}
	for _, projection := range []string{"balances", "timeline"} {
		p.operator(2, "--reason is needed", "parked", "skip", projection, lost.String(), "--yes")
		p.operator(3, "--yes confirms", "parked", "skip", projection, lost.String(), "--reason", "r")
		p.operator(0, "released", "parked", "skip", projection, lost.String(), "--yes", "--reason", "the payload is lost")
	}
	p.operator(0, "nothing is parked", "parked", "list")
	p.operator(0, "constraint dropped", "actions")
	for passedOver := p.state(lost).Version; p.state(lost).Version == passedOver; { // until then the rows say nothing of the event that is lost
		head = p.write(1_000)
	}
	p.untilApplied(head)
	if stale := p.compare(api); len(stale) > 0 {
		t.Errorf("stale after it was passed over: %v", stale)
	}
	p.verify(head)
}

func (p *projectors) exec(sql string) {
	p.t.Helper()
	if _, err := p.admin.Exec(p.t.Context(), sql); err != nil {
		p.t.Fatal(err)
	}
}

func (p *projectors) state(id uuid.UUID) domain.State {
	all := p.customers.Accounts()
	return all[slices.IndexFunc(all, func(s domain.State) bool { return s.ID == id })]
}

// operator runs a command of the projector and returns what it said.
func (p *projectors) operator(code int, says string, args ...string) string {
	p.t.Helper()
	command := start(p.t, "projector", p.environ[:1], args...)
	got := command.exit()
	out := command.tail()
	if got != code || !strings.Contains(out, says) {
		p.t.Errorf("projector %s exits with %d, want %d and %q:\n%s", strings.Join(args, " "), got, code, says, out)
	}
	return out
}

// reader asks a query API.
type reader struct {
	t     *testing.T
	url   string
	token string
}

func (p *projectors) queryAPI() *reader {
	p.t.Helper()
	state := stateDir(p.t)
	issuer := start(p.t, "passbook", nil, "issuer", "--state", state, "--addr", "127.0.0.1:0")
	address := issuer.await(`listening.*address=(\S+)`)[1]
	api := start(p.t, "query-api", []string{
		p.environ[0], "HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0",
		"AUTH_ISSUER=http://passbook.local/issuer", "AUTH_DISCOVERY_URL=http://" + address + "/issuer",
	})
	url := "http://" + api.await(`listening.*service=query-api.*address=(\S+)`)[1]
	return &reader{t: p.t, url: url, token: output(p.t, "passbook", "token", "--state", state)}
}

// get returns status and body.
func (r *reader) get(path string, header http.Header, into any) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	request.Header.Set("Authorization", "Bearer "+r.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		r.t.Fatalf("GET %s: %d: %v", path, response.StatusCode, err)
	}
	return response.StatusCode
}

// compare holds every account, in the list and by itself, against what it is, and returns those that say they are stale.
func (p *projectors) compare(api *reader) (stale []uuid.UUID) {
	p.t.Helper()
	count, next := 0, "/v1/accounts?limit=200"
	for {
		var page struct {
			Data []shown `json:"data"`
			Next string  `json:"next_cursor"`
		}
		api.get(next, nil, &page)
		for _, a := range page.Data {
			count++
			var alone shown
			api.get("/v1/accounts/"+a.AccountID.String(), nil, &alone)
			want := p.state(a.AccountID)
			current := a.Balance == int64(want.Balance) && a.Version == want.Version
			if alone.Stale != a.Stale || alone.Version != a.Version || a.Stale == current || a.Stale != (a.StaleSince != nil) {
				p.t.Errorf("in the list %+v, alone %+v, it should be at version %d", a, alone, want.Version)
			}
			if a.Stale {
				stale = append(stale, a.AccountID)
			}
		}
		if page.Next == "" {
			break
		}
		next = "/v1/accounts?limit=200&cursor=" + page.Next
	}
	if want := len(p.customers.Accounts()); count != want {
		p.t.Errorf("%d accounts are listed, want %d", count, want)
	}
	return stale
}

// refuses expects that no read of the account claims to be at the position.
func (r *reader) refuses(id uuid.UUID, position int64) {
	r.t.Helper()
	demand := http.Header{"Passbook-Min-Position": {fmt.Sprint(position)}, "Prefer": {"wait=1"}}
	for _, path := range []string{"", "/balance"} {
		var problem struct {
			Code    string         `json:"code"`
			Context map[string]any `json:"context"`
		}
		if code := r.get("/v1/accounts/"+id.String()+path, demand.Clone(), &problem); code != http.StatusConflict || problem.Code != "read_model_stale" || problem.Context["stale_since"] == nil {
			r.t.Errorf("GET %s: %d %+v", path, code, problem)
		}
	}
}
