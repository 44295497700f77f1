package queryapi_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/payment"
	"passbook/httpapi/auth"
	"passbook/readmodel"
)

// at is the freshness of what is read of movements.
func (b *books) at() readmodel.Freshness {
	fresh := b.fresh()
	if !b.stale.IsZero() {
		fresh.Position, fresh.StaleSince = 5, b.stale
	}
	return fresh
}

func (b *books) Transaction(_ context.Context, id uuid.UUID) (readmodel.Transaction, readmodel.Freshness, error) {
	t, ok := b.moved[id]
	if !ok {
		return t, b.at(), readmodel.ErrNotFound
	}
	return t, b.at(), b.fail
}

func (b *books) Hold(_ context.Context, id uuid.UUID) (readmodel.Hold, readmodel.Freshness, error) {
	for _, h := range b.holds {
		if h.ID == id {
			return h, b.at(), b.fail
		}
	}
	return readmodel.Hold{}, b.at(), readmodel.ErrNotFound
}

func (b *books) HoldsOf(_ context.Context, f readmodel.HoldFilter) ([]readmodel.Hold, bool, readmodel.Freshness, error) {
	b.note(f)
	var found []readmodel.Hold
	for _, h := range b.holds {
		if h.AccountID == f.AccountID && (f.Status == "" || h.Status == f.Status) && (f.Before == uuid.Nil || bytes.Compare(h.ID[:], f.Before[:]) < 0) {
			found = append(found, h)
		}
	}
	more := len(found) > f.Limit
	return found[:min(len(found), f.Limit)], more, b.at(), b.fail
}

func (b *books) Payment(_ context.Context, id uuid.UUID) (readmodel.Payment, readmodel.Freshness, error) {
	for _, p := range b.payments {
		if p.ID == id {
			return p, b.at(), b.fail
		}
	}
	return readmodel.Payment{}, b.at(), readmodel.ErrNotFound
}

func (b *books) Payments(_ context.Context, f readmodel.PaymentFilter) ([]readmodel.Payment, bool, readmodel.Freshness, error) {
	b.note(f)
	var found []readmodel.Payment
	for _, p := range b.payments {
		if (f.AccountID == uuid.Nil || p.AccountID == f.AccountID) && (f.Status == "" || p.Status == f.Status) && (!f.Stuck || p.Stuck) &&
			(f.Before == uuid.Nil || bytes.Compare(p.ID[:], f.Before[:]) < 0) {
			found = append(found, p)
		}
	}
	more := len(found) > f.Limit
	return found[:min(len(found), f.Limit)], more, b.at(), b.fail
}

var booked = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// leg is a row of a transaction.
func leg(account, transaction uuid.UUID, kind, direction string, amount, position int64) readmodel.TimelineRow {
	return readmodel.TimelineRow{
		AccountID: account, Position: position, Version: position - 1, EventID: uuid.New(), TransactionID: &transaction, Type: kind, Direction: direction,
		Amount: &amount, Currency: "EUR", Balance: 7, Reference: "r", Description: "Some words", EffectiveAt: booked, RecordedAt: booked,
	}
}

// transfer is one between two accounts, of which a part was undone.
func (r *rig) transfer(from, to uuid.UUID) (id, undo uuid.UUID) {
	id, undo = uuid.New(), uuid.New()
	out, in := leg(from, id, "transfer_out", "out", 25, 20), leg(to, id, "transfer_in", "in", 25, 21)
	out.CounterpartyID, in.CounterpartyID = &to, &from
	back, away := leg(from, undo, "reversal", "in", 10, 30), leg(to, undo, "reversal", "out", 10, 31)
	for _, row := range []*readmodel.TimelineRow{&back, &away} {
		row.ReversesID, row.Detail = &id, "twice"
	}
	r.books.moved[id] = readmodel.Transaction{ID: id, Legs: []readmodel.TimelineRow{out, in}, Reversals: []readmodel.TimelineRow{back, away}}
	r.books.moved[undo] = readmodel.Transaction{ID: undo, Legs: []readmodel.TimelineRow{back, away}}
	return id, undo
}

func TestTransactionAndTransfer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, _ := r.account("owner-17")
	theirs, _ := r.account("owner-18")
	id, undo := r.transfer(mine.ID, theirs.ID)

	got := r.want(r.get("/v1/transactions/"+id.String()), 200, "").JSON(t)
	legs := got["legs"].([]any)
	if got["type"] != "transfer" || got["amount"] != 25.0 || got["reversed_amount"] != 10.0 || len(legs) != 2 || got["description"] != "Transfer" {
		t.Errorf("%v", got)
	}
	if l := legs[1].(map[string]any); l["account_id"] != theirs.ID.String() || l["direction"] != "in" || l["balance"] != 7.0 || l["held"] != 0.0 || l["version"] != 20.0 {
		t.Errorf("%v", l)
	}
	if u := got["reversals"].([]any); len(u) != 1 || u[0].(map[string]any)["transaction_id"] != undo.String() || u[0].(map[string]any)["reason"] != "twice" {
		t.Errorf("undone by %v", u)
	}
	reversal := r.want(r.get("/v1/transactions/"+undo.String()), 200, "").JSON(t)
	if reversal["type"] != "reversal" || reversal["reverses"] != id.String() || reversal["reversed_amount"] != 0.0 || len(reversal["reversals"].([]any)) != 0 {
		t.Errorf("%v", reversal)
	}
	transfer := r.want(r.get("/v1/transfers/"+id.String()), 200, "").JSON(t)
	if transfer["source_account_id"] != mine.ID.String() || transfer["target_account_id"] != theirs.ID.String() || transfer["transfer_id"] != id.String() ||
		transfer["source"].(map[string]any)["direction"] != "out" || transfer["reversed_amount"] != 10.0 {
		t.Errorf("%v", transfer)
	}
	r.want(r.get("/v1/transfers/"+undo.String()), 404, "not_found") // a transaction, and no transfer

	// Of the other's side a customer is told the account alone; who has no side is told nothing.
	for owner, side := range map[string]int{"owner-17": 0, "owner-18": 1} {
		customer := r.Token(t, owner, auth.Own)
		legs := r.want(r.as(customer, "/v1/transactions/"+id.String()), 200, "").JSON(t)["legs"].([]any)
		if own, other := legs[side].(map[string]any), legs[1-side].(map[string]any); len(own) < 8 || len(other) != 1 || other["account_id"] == nil {
			t.Errorf("%s sees %v and %v", owner, own, other)
		}
		both := r.want(r.as(customer, "/v1/transfers/"+id.String()), 200, "").JSON(t)
		if other := both[[]string{"target", "source"}[side]].(map[string]any); len(other) != 1 {
			t.Errorf("%s sees %v", owner, other)
		}
	}
	stranger := r.Token(t, "owner-19", auth.Own)
	for _, path := range []string{"/v1/transactions/", "/v1/transfers/"} {
		denied := r.want(r.as(stranger, path+id.String()), 404, "not_found")
		unknown := r.want(r.as(stranger, path+uuid.NewString()), 404, "not_found")
		if denied.Problem.Detail != unknown.Problem.Detail || !strings.HasPrefix(denied.Problem.Detail, "no such trans") {
			t.Errorf("of others: %s; of none: %s", denied.Body, unknown.Body)
		}
		r.want(r.get(path+"x"), 404, "not_found")
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, path := r.account("owner-17")
	expires, pay := booked.Add(time.Hour), uuid.New()
	for i := range 5 {
		id := uuid.UUID{0: 0x01, 15: byte(9 - i)}
		h := readmodel.Hold{ID: id, AccountID: a.ID, Amount: 100, Captured: 30, Remaining: 70, Currency: "EUR", Status: "placed", Reference: "card",
			Version: 4, Position: 9, PlacedAt: booked, UpdatedAt: booked, ExpiresAt: &expires, Metadata: map[string]string{"a": "1"}}
		if i == 4 {
			h.PaymentID, h.ExpiresAt, h.Status, h.Remaining, h.Released, h.Reason = &pay, nil, "released", 0, 70, "void"
		}
		r.books.holds = append(r.books.holds, h)
	}
	answer := r.want(r.get("/v1/holds/"+r.books.holds[0].ID.String()), 200, "")
	got := answer.JSON(t)
	if got["status"] != "placed" || got["remaining"] != 70.0 || got["captured"] != 30.0 || got["expires_at"] != "2026-11-21T10:00:00Z" || got["payment_id"] != nil || answer.Header.Get("ETag") != `"4"` {
		t.Errorf("%v, %v", got, answer.Header)
	}
	if last := r.want(r.get("/v1/holds/"+r.books.holds[4].ID.String()), 200, "").JSON(t); last["payment_id"] != pay.String() || last["expires_at"] != nil || last["reason"] != "void" {
		t.Errorf("%v", last)
	}
	if rows, pages := r.pages(path + "/holds?limit=2"); len(rows) != 5 || pages != 3 || rows[4]["status"] != "released" {
		t.Errorf("%d holds on %d pages", len(rows), pages)
	}
	if rows, _ := r.pages(path + "/holds?limit=2&status=placed"); len(rows) != 4 {
		t.Errorf("%d open holds", len(rows))
	}
	r.want(r.get(path+"/holds?status=open"), 400, "invalid_parameter")
	r.want(r.get(path+"/holds?cursor=abc"), 400, "invalid_cursor")
	customer, stranger := r.Token(t, "owner-17", auth.Own), r.Token(t, "owner-18", auth.Own)
	for _, what := range []string{"/v1/holds/" + r.books.holds[0].ID.String(), path + "/holds"} {
		r.want(r.as(customer, what), 200, "")
		r.want(r.as(stranger, what), 404, "not_found")
	}
	r.want(r.get("/v1/holds/"+uuid.NewString()), 404, "not_found")
}

func TestPayments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, _ := r.account("owner-17")
	theirs, _ := r.account("owner-18")
	for i := range 5 {
		p := readmodel.Payment{ID: uuid.UUID{0: 0x01, 15: byte(9 - i)}, AccountID: mine.ID, HoldID: uuid.New(), Amount: 40, Currency: "EUR", Status: "submitted",
			Creditor: payment.Creditor{Name: "Grace", Account: "x"}, Version: 2, Position: 8, RequestedAt: booked, Deadline: booked.Add(time.Hour), UpdatedAt: booked, SubmittedAt: &booked}
		switch i {
		case 1:
			p.AccountID, p.Stuck, p.StuckReason = theirs.ID, true, "no answer"
		case 2:
			p.Status, p.EndedAt = "settled", &booked
			p.Contradictions = []payment.AnswerContradicted{{Outcome: "settled", Answer: "rejected", Code: "AC04"}}
		}
		r.books.payments = append(r.books.payments, p)
	}
	answer := r.want(r.get("/v1/payments/"+r.books.payments[2].ID.String()), 200, "")
	got := answer.JSON(t)
	if got["status"] != "settled" || got["stuck"] != false || got["contradictions"].([]any)[0].(map[string]any)["code"] != "AC04" || answer.Header.Get("ETag") != `"2"` {
		t.Errorf("%v", got)
	}
	for query, want := range map[string]int{"": 5, "&status=stuck": 1, "&status=settled": 1, "&account_id=" + mine.ID.String(): 4, "&status=stuck&account_id=" + mine.ID.String(): 0} {
		if rows, _ := r.pages("/v1/payments?limit=2" + query); len(rows) != want {
			t.Errorf("%q: %d payments, want %d", query, len(rows), want)
		}
	}
	if f := last[readmodel.PaymentFilter](t, r.books); f.OwnerID != "" || f.Limit != 2 {
		t.Errorf("%+v", f)
	}
	r.want(r.get("/v1/payments?account_id=x"), 400, "invalid_parameter")
	r.want(r.get("/v1/payments?status=odd"), 400, "invalid_parameter")

	operator := r.Token(t, "ada", auth.Operations)
	r.want(r.as(operator, "/v1/payments?status=stuck"), 200, "")
	r.want(r.as(operator, "/v1/payments/"+r.books.payments[1].ID.String()), 200, "")
	customer := r.Token(t, "owner-17", auth.Own)
	r.want(r.as(customer, "/v1/payments"), 200, "")
	if f := last[readmodel.PaymentFilter](t, r.books); f.OwnerID != "owner-17" {
		t.Errorf("%+v", f)
	}
	r.want(r.as(customer, "/v1/payments/"+r.books.payments[0].ID.String()), 200, "")
	r.want(r.as(customer, "/v1/payments/"+r.books.payments[1].ID.String()), 404, "not_found")
	others := r.want(r.as(customer, "/v1/payments?account_id="+theirs.ID.String()), 200, "").JSON(t)
	if len(others["data"].([]any)) != 0 || others["has_more"] != false {
		t.Errorf("payments of another: %v", others)
	}
}

// What is read of one movement has an entity tag, waits for a demanded position, and says when it is stale.
func TestMovementsAreFreshOrSaySo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, _ := r.account("owner-17")
	b, _ := r.account("owner-18")
	id, _ := r.transfer(a.ID, b.ID)
	r.books.holds = []readmodel.Hold{{ID: uuid.New(), AccountID: a.ID, Amount: 1, Remaining: 1, Currency: "EUR", Status: "placed", Version: 31, Position: 31, PlacedAt: booked, UpdatedAt: booked}}
	r.books.payments = []readmodel.Payment{{ID: uuid.New(), AccountID: a.ID, Amount: 1, Currency: "EUR", Status: "requested", Version: 31, Position: 31, RequestedAt: booked, Deadline: booked, UpdatedAt: booked}}
	for path, projection := range map[string]string{
		"/v1/transactions/" + id.String():                 readmodel.Timeline,
		"/v1/transfers/" + id.String():                    readmodel.Timeline,
		"/v1/holds/" + r.books.holds[0].ID.String():       readmodel.Holds,
		"/v1/payments/" + r.books.payments[0].ID.String(): readmodel.Payments,
	} {
		answer := r.want(r.get(path, "Passbook-Min-Position", "9"), 200, "")
		if tag := answer.Header.Get("ETag"); tag != `"31"` || answer.Header.Get("Passbook-Position") != "10" || answer.Header.Get("Passbook-Lag-Ms") != "7" {
			t.Errorf("%s: %v", path, answer.Header)
		}
		if q := last[waitQuestion](t, r.books); q.Position != 9 || !slices.Equal(q.Projections, []string{projection}) {
			t.Errorf("%s waits for %+v", path, q)
		}
		if same := r.get(path, "If-None-Match", `"31"`); same.Status != 304 || len(same.Body) > 0 || same.Header.Get("ETag") != `"31"` || same.Header.Get("Passbook-Position") != "10" {
			t.Errorf("%s unchanged: %d %v %s", path, same.Status, same.Header, same.Body)
		}
		r.want(r.get(path, "If-None-Match", `"30"`), 200, "")
		r.want(r.as(r.Token(t, "owner-17", auth.Own), path, "Passbook-Min-Position", "9"), 200, "")
		if q := last[waitQuestion](t, r.books); !slices.Equal(q.Projections, []string{projection, readmodel.Balances}) {
			t.Errorf("%s of a customer waits for %+v", path, q)
		}
		r.want(r.get(path, "Passbook-Min-Position", "99", "Prefer", "wait=0"), 409, "read_model_stale")
	}
	r.books.stale = booked
	for _, path := range []string{"/v1/transactions/" + id.String(), "/v1/transfers/" + id.String(), "/v1/holds/" + r.books.holds[0].ID.String(), "/v1/payments/" + r.books.payments[0].ID.String()} {
		if got := r.want(r.get(path, "If-None-Match", `"31"`), 200, "").JSON(t); got["stale"] != true || got["stale_since"] != "2026-11-21T09:00:00Z" {
			t.Errorf("%s: %v", path, got)
		}
		r.want(r.get(path, "Passbook-Min-Position", "6"), 409, "read_model_stale")
		unknown := path[:strings.LastIndex(path, "/")+1] + uuid.NewString()
		r.want(r.get(unknown), 404, "not_found")
		r.want(r.get(unknown, "Passbook-Min-Position", "6"), 409, "read_model_stale") // it may be what the parked account has
	}
}

// A row says what it belongs to, and what was undone of it.
func TestTimelineLinks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, path := r.account("owner-17")
	ids := make([]uuid.UUID, 6)
	for i := range ids {
		ids[i] = uuid.New()
	}
	row := leg(a.ID, ids[0], "transfer_out", "out", 25, 20)
	held := int64(-5)
	row.HeldChange, row.CounterpartyID, row.HoldID, row.PaymentID, row.ReversesID = &held, &ids[1], &ids[2], &ids[3], &ids[4]
	row.ReversedAmount, row.Reversals = 10, ids[5:]
	r.books.rows = []readmodel.TimelineRow{row}
	answer := r.want(r.get(path+"/timeline?type=transfer_out"), 200, "")
	want := fmt.Sprintf(`"held":0,"held_change":-5,"counterparty_account_id":"%s","hold_id":"%s","payment_id":"%s","reverses":"%s","reversed_amount":10,"reversals":["%s"],"reference":"r"`,
		ids[1], ids[2], ids[3], ids[4], ids[5])
	if !strings.Contains(string(answer.Body), want) {
		t.Errorf("got  %s\nwant %s", answer.Body, want)
	}
}

func TestAccountShowsItsLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, path := r.account("owner-17")
	r.books.accounts[0].Limits = readmodel.Limits{PerTransaction: 100, PerMonth: 9000}
	if body := r.want(r.get(path), 200, "").Body; !strings.Contains(string(body), `,"limits":{"per_transaction":100,"per_month":9000},"metadata":`) {
		t.Errorf("%s", body)
	}
}
