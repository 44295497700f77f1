package commandapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/api"
	"passbook/command"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
	"passbook/internal/pgtest"
)

// controlled is a rig over a real log that asks for a second person above 1000 EUR cents, with the tokens of people.
type controlled struct {
	*rig
	pool                        *pgxpool.Pool
	checker, third, maker2, ada string // the third may approve and give commands, as maker2 may
	path, other                 string // accounts of Ada, with 100,000, and of Eve
	eveCustomer                 string
}

func newControlled(t *testing.T, expiry time.Duration) *controlled {
	t.Helper()
	pool := pgtest.New(t, eventstore.Migrations).Pool(t, "passbook_command")
	store, kit := eventstore.New(pool), httpapitest.New(t, api.Command)
	processor, err := command.New(store, command.Config{
		Approvals: command.Approvals{Thresholds: map[money.Currency]money.Amount{money.MustCurrency("EUR"): 1_000}, Expiry: expiry},
	}, commandapi.Render, nil, slog.New(slog.DiscardHandler), kit.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	finder, err := command.NewFinder(store)
	if err != nil {
		t.Fatal(err)
	}
	server, err := commandapi.New(kit.Config(), commandapi.Limits{}, processor, finder, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- processor.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	r := &rig{Kit: kit, t: t, server: server, teller: kit.Token(t, "teller-1", auth.AccountsWrite), found: map[string]string{}}
	c := &controlled{
		rig: r, pool: pool, checker: kit.Token(t, "checker", auth.ApprovalsWrite), third: kit.Token(t, "third", auth.ApprovalsWrite, auth.AccountsWrite),
		maker2: kit.Token(t, "teller-1", auth.AccountsWrite, auth.ApprovalsWrite), ada: kit.Token(t, "ada", auth.Own), eveCustomer: kit.Token(t, "eve", auth.Own),
	}
	c.path, c.other = r.openFor("ada", "EUR", 0), r.openFor("eve", "EUR", 0)
	for range 100 {
		r.want(r.do("POST", c.path+"/deposits", `{"amount":1000,"currency":"EUR"}`), 201, "")
	}
	return c
}

// pending asks for what needs a second person, and returns the approval's path.
func (c *controlled) pending(token, path, body string, header ...string) string {
	c.t.Helper()
	answer := c.want(c.as(token, "POST", path, body, header...), 202, "")
	said := answer.JSON(c.t)
	if at := answer.Header.Get("Location"); said["status"] != "pending_approval" || at != "/v1/approvals/"+fmt.Sprint(said["approval_id"]) {
		c.t.Errorf("%s, at %s", answer.Body, at)
	}
	if answer.Header.Get("Passbook-Position") == "" || strings.Contains(string(answer.Body), "threshold") {
		c.t.Errorf("%v %s", answer.Header, answer.Body)
	}
	return answer.Header.Get("Location")
}

// events are the types of what stands in the log behind a position, with who caused it.
func (c *controlled) events(after int64) (said []string, last int64) {
	c.t.Helper()
	rows, err := c.pool.Query(c.t.Context(), "SELECT position, type, metadata->>'actor', coalesce(metadata->>'causation_id', '') FROM events WHERE position > $1 ORDER BY position", after)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var typ, actor, cause string
		if err := rows.Scan(&last, &typ, &actor, &cause); err != nil {
			c.t.Fatal(err)
		}
		if cause != "" {
			cause = " caused"
		}
		said = append(said, typ+" by "+actor+cause)
	}
	return said, max(last, after)
}

func (c *controlled) balance(path string) float64 {
	c.t.Helper()
	return c.want(c.do("POST", path+"/deposits?dry_run=true", euroCent), 200, "").JSON(c.t)["result"].(map[string]any)["balance"].(float64) - 1
}

// Each kind of command that moves money waits above the threshold, and not at it; approved, it is booked with the checker as its actor, in one append
// with the approval.
func TestTheSecondPerson(t *testing.T) {
	t.Parallel()
	c := newControlled(t, 0)
	hold := func() string {
		return "/v1/holds/" + c.want(c.do("POST", c.path+"/holds", `{"amount":1500,"currency":"EUR"}`), 201, "").JSON(t)["hold_id"].(string)
	}
	transferred := c.pending(c.teller, "/v1/transfers", transferBody(c.path, c.other, 2000, ""))
	transfer := c.want(c.as(c.checker, "POST", transferred+"/approve", ""), 200, "").JSON(t)["result"].(map[string]any)["transfer_id"].(string)
	const above, at = `{"amount":1001,"currency":"EUR"%s}`, `{"amount":1000,"currency":"EUR"%s}`
	for _, op := range []struct{ name, token, path, above, at, books string }{
		{"deposit", c.teller, c.path + "/deposits", above, at, "money.deposited"},
		{"withdrawal", c.teller, c.path + "/withdrawals", above, at, "money.withdrawn"},
		{"withdrawal", c.ada, c.path + "/withdrawals", above, at, "money.withdrawn"},
		{"fee", c.teller, c.path + "/fees", fmt.Sprintf(above, `,"reason":"r"`), fmt.Sprintf(at, `,"reason":"r"`), "fee.charged"},
		{"interest", c.teller, c.path + "/interest", `{"amount":-1001,"currency":"EUR"}`, `{"amount":-1000,"currency":"EUR"}`, "interest.debited"},
		{"capture", c.teller, hold() + "/capture", `{}`, `{"amount":1000}`, "hold.captured"},
		{"transfer", c.ada, "/v1/transfers", transferBody(c.path, c.other, 1001, ""), transferBody(c.path, c.other, 1000, ""), "transfer.sent"},
		{"reversal", c.teller, "/v1/transactions/" + transfer + "/reversals", `{"amount":1001,"reason":"r"}`, `{"amount":999,"reason":"r"}`, "reversal.posted"},
		{"payment", c.ada, "/v1/payments", paymentOf(c.path, 1001), paymentOf(c.path, 1000), "hold.placed"},
	} {
		above, at := strings.ReplaceAll(op.above, "%s", ""), strings.ReplaceAll(op.at, "%s", "")
		before, _ := c.events(0)
		dry := c.want(c.as(op.token, "POST", op.path+"?dry_run=true", above, "Idempotency-Key", ""), 200, "").JSON(t)
		if dry["status"] != 202.0 || dry["result"].(map[string]any)["status"] != "pending_approval" {
			t.Errorf("%s, dry: %v", op.name, dry)
		}
		if after, _ := c.events(0); len(after) != len(before) {
			t.Errorf("%s, dry: something is stored", op.name)
		}
		_, position := c.events(0)
		approval := c.pending(op.token, op.path, above, "Idempotency-Key", "k-"+op.name+op.token[len(op.token)-8:])
		said, position := c.events(position)
		if len(said) != 1 || !strings.HasPrefix(said[0], "approval.requested by ") {
			t.Fatalf("%s: %v", op.name, said)
		}
		if again := c.pending(op.token, op.path, above, "Idempotency-Key", "k-"+op.name+op.token[len(op.token)-8:]); again != approval {
			t.Errorf("%s: sent again it waits in %s, before in %s", op.name, again, approval)
		}
		answer := c.want(c.as(c.checker, "POST", approval+"/approve", `{"reason":"seen"}`), 200, "").JSON(t)
		members(t, answer, map[string]any{"status": "approved", "kind": op.name, "decided_by": "checker", "reason": "seen"})
		said, _ = c.events(position)
		if text := strings.Join(said, ", "); !strings.HasPrefix(text, op.books+" by checker caused, ") || !strings.HasSuffix(text, "approval.approved by checker caused") || answer["result"] == nil {
			t.Errorf("%s: booked is %s; %v", op.name, text, answer)
		}
		if booked := c.as(op.token, "POST", op.path, at); booked.Status != 201 && booked.Status != 200 || strings.Contains(string(booked.Body), "pending") {
			if op.name != "payment" && op.name != "capture" {
				t.Errorf("%s of the threshold itself: %d %s", op.name, booked.Status, booked.Body)
			}
		}
	}
	jpy := c.openFor("ada", "JPY", 0)
	c.want(c.do("POST", jpy+"/deposits", `{"amount":1000000,"currency":"JPY"}`), 201, "") // of which there is no threshold
}

func paymentOf(path string, amount int) string {
	return fmt.Sprintf(`{"account_id":%q,"amount":%d,"currency":"EUR","creditor":{"name":"Shop","account":"DE02120300000000202051"}}`, idOf(path), amount)
}

// Who may decide, and what becomes of it.
func TestWhoDecides(t *testing.T) {
	t.Parallel()
	c := newControlled(t, 0)
	const body = `{"amount":5000,"currency":"EUR"}`
	approval := c.pending(c.maker2, c.path+"/withdrawals", body)
	before := c.balance(c.path)
	c.want(c.as(c.teller, "POST", approval+"/approve", ""), 403, "insufficient_scope")
	c.want(c.as(c.ada, "POST", approval+"/approve", ""), 403, "insufficient_scope")
	c.want(c.as(c.maker2, "POST", approval+"/approve", ""), 403, "approval_by_maker")
	c.want(c.as(c.maker2, "POST", approval+"/reject", `{"reason":"changed my mind"}`), 403, "approval_by_maker")
	c.want(c.as(c.checker, "POST", "/v1/approvals/"+uuid.NewString()+"/approve", ""), 404, "not_found")
	c.want(c.as(c.checker, "POST", "/v1/approvals/"+idOf(c.path)+"/approve", ""), 404, "not_found") // an account's id
	c.want(c.as(c.checker, "POST", approval+"/reject", `{}`), 400, "malformed_request")
	if now := c.balance(c.path); now != before {
		t.Fatalf("the balance is %v, was %v", now, before)
	}
	dry := c.want(c.as(c.checker, "POST", approval+"/approve?dry_run=true", "", "Idempotency-Key", ""), 200, "").JSON(t)
	if n := len(dry["events"].([]any)); n != 2 || c.balance(c.path) != before {
		t.Errorf("dry: %v", dry)
	}
	answer := c.want(c.as(c.checker, "POST", approval+"/reject", `{"reason":"no"}`, "Idempotency-Key", "r"), 200, "")
	members(t, answer.JSON(t), map[string]any{"status": "rejected", "reason": "no", "requested_by": "teller-1"})
	if again := c.want(c.as(c.checker, "POST", approval+"/reject", `{"reason":"no"}`, "Idempotency-Key", "r"), 200, ""); string(again.Body) != string(answer.Body) {
		t.Errorf("%s, then %s", answer.Body, again.Body)
	}
	c.want(c.as(c.checker, "POST", approval+"/approve", ""), 422, "approval_final")
	c.want(c.as(c.third, "POST", approval+"/approve", ""), 422, "approval_final")
	if now := c.balance(c.path); now != before {
		t.Errorf("the balance is %v, was %v", now, before)
	}
	if said := c.want(c.as(c.maker2, "POST", c.path+"/withdrawals", body, "If-Match", `"1"`), 412, "version_mismatch"); said == nil {
		t.Error("a version that does not hold is looked at first")
	}
	c.want(c.do("POST", c.path+"/withdrawals", `{"amount":500000,"currency":"EUR"}`), 422, "insufficient_funds") // nobody is bothered with it
}

// What is approved is decided at that moment: refused, the approval goes on waiting.
func TestApprovedAndRefused(t *testing.T) {
	t.Parallel()
	c := newControlled(t, 0)
	approval := c.pending(c.teller, c.path+"/withdrawals", `{"amount":90000,"currency":"EUR","effective_at":"2026-01-02T00:00:00Z"}`)
	for range 20 {
		c.want(c.do("POST", c.path+"/withdrawals", `{"amount":1000,"currency":"EUR"}`), 201, "")
	}
	c.want(c.as(c.checker, "POST", approval+"/approve", "", "Idempotency-Key", "first"), 422, "insufficient_funds")
	for range 20 {
		c.want(c.do("POST", c.path+"/deposits", `{"amount":1000,"currency":"EUR"}`), 201, "")
	}
	c.want(c.as(c.checker, "POST", approval+"/approve", "", "Idempotency-Key", "first"), 422, "insufficient_funds") // said once under its key
	c.want(c.as(c.checker, "POST", approval+"/approve", "", "Idempotency-Key", "second"), 200, "")
	var effective time.Time
	var maker string
	err := c.pool.QueryRow(t.Context(), `SELECT b.effective_at, r.metadata->>'actor' FROM events b JOIN events r ON r.event_id::text = b.metadata->>'causation_id'
		WHERE b.type = 'money.withdrawn' ORDER BY b.position DESC LIMIT 1`).Scan(&effective, &maker)
	if err != nil || !effective.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) || maker != "teller-1" {
		t.Errorf("value date %v, asked for by %q, %v", effective, maker, err)
	}
}

// Time decides: from its end on an approval is neither approved nor rejected.
func TestTheTimeIsOver(t *testing.T) {
	t.Parallel()
	c := newControlled(t, time.Microsecond)
	approval := c.pending(c.teller, c.path+"/withdrawals", `{"amount":5000,"currency":"EUR"}`)
	c.want(c.as(c.checker, "POST", approval+"/approve", ""), 422, "approval_expired")
	c.want(c.as(c.checker, "POST", approval+"/reject", `{"reason":"r"}`), 422, "approval_expired")
}

// Many who approve and reject at once: one decision, and one effect at most.
func TestDecisionsAtOnce(t *testing.T) {
	t.Parallel()
	c := newControlled(t, 0)
	for range 5 {
		before := c.balance(c.path)
		approval := c.pending(c.teller, c.path+"/withdrawals", `{"amount":5000,"currency":"EUR"}`)
		answers := make([]*httpapitest.Response, 16)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				token := []string{c.checker, c.third}[i%2]
				if i%4 == 3 {
					answers[i] = c.as(token, "POST", approval+"/reject", `{"reason":"r"}`)
				} else {
					answers[i] = c.as(token, "POST", approval+"/approve", "")
				}
			})
		}
		all.Wait()
		outcomes, carriedOut := map[string]bool{}, 0
		for _, a := range answers {
			if a.Status == 200 {
				said := a.JSON(t)
				outcomes[fmt.Sprint(said["status"], " by ", said["decided_by"])] = true
				if said["result"] != nil {
					carriedOut++
				}
			} else if a.Problem.Code != "approval_final" {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		}
		moved := before - c.balance(c.path)
		if len(outcomes) != 1 || moved != float64(5000*carriedOut) || carriedOut > 1 {
			t.Errorf("outcomes %v, carried out %d times, moved %v", outcomes, carriedOut, moved)
		}
	}
}

// In a bulk an item waits as it would by itself; where all stand or none, it cannot. Approvals may be items, too.
func TestApprovalsInBulk(t *testing.T) {
	t.Parallel()
	c := newControlled(t, 0)
	small, large := item(c.path+"/withdrawals", euroCent), item(c.path+"/withdrawals", `{"amount":5000,"currency":"EUR"}`)
	results := c.bulk(c.teller, []string{small, large, small})
	if statuses(results) != "[201 202 201]" {
		t.Errorf("%s", statuses(results))
	}
	var waits struct {
		Status     string
		ApprovalID string `json:"approval_id"`
	}
	if err := json.Unmarshal(results[1].Body, &waits); err != nil || waits.Status != "pending_approval" {
		t.Errorf("%s %v", results[1].Body, err)
	}
	before, _ := c.events(0)
	refused := c.want(c.atomic(c.teller, []string{small, large}), 422, "approval_required")
	members(t, refused.Problem.Context, map[string]any{"failed_index": 1})
	if after, _ := c.events(0); len(after) != len(before) {
		t.Errorf("%v are left of it", after[len(before):])
	}
	both := c.bulk(c.third, []string{item("/v1/approvals/"+waits.ApprovalID+"/approve", `{}`), item("/v1/approvals/"+uuid.NewString()+"/approve", `{}`), small})
	if statuses(both) != "[200 404 201]" {
		t.Errorf("%s %s", statuses(both), both[0].Body)
	}
	if only := c.bulk(c.checker, []string{small}); only[0].Status != 403 {
		t.Errorf("whoever may approve alone: %s", only[0].Body)
	}
}

// A customer's own request waits like others, and is about the customer's own account when it is approved.
func TestACustomersRequestWaits(t *testing.T) {
	t.Parallel()
	c := newControlled(t, 0)
	c.want(c.as(c.eveCustomer, "POST", c.path+"/withdrawals", `{"amount":5000,"currency":"EUR"}`), 404, "not_found")
	approval := c.pending(c.ada, "/v1/transfers", transferBody(c.path, c.other, 5000, ""))
	answer := c.want(c.as(c.checker, "POST", approval+"/approve", ""), 200, "").JSON(t)
	members(t, answer, map[string]any{"requested_by": "ada", "decided_by": "checker", "account_id": idOf(c.path)})
	if c.balance(c.other) != 5000 {
		t.Errorf("%v", answer)
	}
}
