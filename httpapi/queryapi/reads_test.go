package queryapi_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/eventstore"
	"passbook/httpapi/auth"
	"passbook/httpapi/httpapitest"
	"passbook/httpapi/queryapi"
	"passbook/internal/denials"
	"passbook/readmodel"
	"passbook/webhook"
)

var _ queryapi.Reads = struct {
	*readmodel.Queries
	*readmodel.Explainer
	*denials.Reader
	*subscriptions
}{}

// Names to embed what others are called, too.
type (
	subscriptions = webhook.Reader
	webhooks      = queryapi.Webhooks
)

// books are read models in memory: the few answers that the tests give them, and the questions that were asked.
type books struct {
	webhooks // of tests that have some

	accounts []readmodel.Account // in the order of their ids
	rows     []readmodel.TimelineRow
	events   []eventstore.Event
	moved    map[uuid.UUID]readmodel.Transaction
	holds    []readmodel.Hold     // newest first
	payments []readmodel.Payment  // newest first
	denials  []denials.Row        // newest first
	waiting  []readmodel.Approval // newest first
	stale    time.Time            // of what is read of movements, when set
	fail     error                // of every read, when set

	mu       sync.Mutex
	position int64
	advanced chan struct{} // closed when position changes
	asked    []any
}

func newBooks() *books {
	return &books{position: 10, advanced: make(chan struct{}), moved: map[uuid.UUID]readmodel.Transaction{}}
}

func (b *books) note(question any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, question)
}

func (b *books) fresh() readmodel.Freshness {
	b.mu.Lock()
	defer b.mu.Unlock()
	return readmodel.Freshness{Position: b.position, LagMilliseconds: 7}
}

func (b *books) advance(position int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.position = position
	close(b.advanced)
	b.advanced = make(chan struct{})
}

func (b *books) Account(_ context.Context, id uuid.UUID) (readmodel.Account, readmodel.Freshness, error) {
	if b.fail != nil {
		return readmodel.Account{}, readmodel.Freshness{}, b.fail
	}
	for _, a := range b.accounts {
		if a.ID == id {
			return a, b.fresh(), nil
		}
	}
	return readmodel.Account{}, b.fresh(), readmodel.ErrNotFound
}

func (b *books) Accounts(_ context.Context, f readmodel.AccountFilter) ([]readmodel.Account, bool, readmodel.Freshness, error) {
	b.note(f)
	var found []readmodel.Account
	for _, a := range b.accounts {
		if (f.OwnerID == "" || a.OwnerID == f.OwnerID) && (f.Status == "" || a.Status == f.Status) &&
			(f.Currency == "" || a.Currency == f.Currency) && (f.After == nil || strings.Compare(a.ID.String(), f.After.AccountID.String()) > 0) {
			found = append(found, a)
		}
	}
	more := len(found) > f.Limit
	return found[:min(len(found), f.Limit)], more, b.fresh(), b.fail
}

type balanceQuestion struct {
	At    time.Time
	Basis readmodel.Basis
}

func (b *books) BalanceAt(_ context.Context, id uuid.UUID, at time.Time, basis readmodel.Basis) (readmodel.BalanceAt, readmodel.Freshness, error) {
	b.note(balanceQuestion{at, basis})
	if at.Year() < 1990 {
		return readmodel.BalanceAt{}, b.fresh(), readmodel.ErrNotFound
	}
	answer := readmodel.BalanceAt{AccountID: id, Currency: "EUR", Balance: 5, Held: 1, At: at, Basis: basis}
	if basis == readmodel.BasisRecorded {
		answer.Version = 3
	}
	return answer, b.fresh(), b.fail
}

type daysQuestion struct {
	From, To time.Time
	Basis    readmodel.Basis
}

func (b *books) DailyBalances(_ context.Context, _ uuid.UUID, from, to time.Time, basis readmodel.Basis) ([]readmodel.DayBalance, string, readmodel.Freshness, error) {
	b.note(daysQuestion{from, to, basis})
	return []readmodel.DayBalance{{Date: from, Balance: -5, In: 1, Out: 6, Movements: 2}}, "EUR", b.fresh(), b.fail
}

func (b *books) Timeline(_ context.Context, f readmodel.TimelineFilter) ([]readmodel.TimelineRow, bool, readmodel.Freshness, error) {
	b.note(f)
	var found []readmodel.TimelineRow
	for _, row := range b.rows {
		if row.AccountID == f.AccountID && (f.Before == 0 || row.Position < f.Before) && (len(f.Types) == 0 || slices.Contains(f.Types, row.Type)) {
			found = append(found, row)
		}
	}
	more := len(found) > f.Limit
	return found[:min(len(found), f.Limit)], more, b.fresh(), b.fail
}

func (b *books) Events(_ context.Context, id uuid.UUID, after int64, limit int) ([]eventstore.Event, bool, error) {
	var found []eventstore.Event
	for _, e := range b.events {
		if e.StreamID == id && e.Version > after {
			found = append(found, e)
		}
	}
	if len(found) == 0 && after == 0 {
		return nil, false, readmodel.ErrNotFound
	}
	return found[:min(len(found), limit)], len(found) > limit, b.fail
}

func (b *books) Status(context.Context, ...string) (readmodel.Status, error) {
	leader := readmodel.Lease{Holder: "projector/host/1/A", Epoch: 3, Until: time.Now(), Held: true}
	return readmodel.Status{
		Problems: []string{"timeline: stopped: unknown event"}, Head: 12, HeadAt: time.Now(), AppendRate: 1.5,
		Projections: []readmodel.Projection{
			{Name: "balances", Generation: 1, Live: true, Position: 9, Head: 12, LagEvents: 3, LagMilliseconds: 40, Rate: 2.5, State: "catching_up", Lease: leader, UpdatedAt: time.Now()},
			{Name: "timeline", Generation: 1, Position: 2, Head: 12, LagEvents: 10, LagMilliseconds: 9000, State: "stopped", Cause: "unknown event"},
			{Name: "timeline", Generation: 2, Live: true, Position: 12, Head: 12, State: "live"},
		},
		Relay: readmodel.Relay{State: readmodel.RelayCatchingUp, Position: 11, LagEvents: 1, LagMilliseconds: 2, Lease: leader, Stream: readmodel.Transport{
			ObservedAt: time.Now(), Found: true, Messages: 11, LastSequence: 11, Position: 11, Consumers: []readmodel.StreamConsumer{{Name: "balances-1", Pending: 2}},
		}},
	}, b.fail
}

type explainQuestion struct {
	After int64
	Limit int
}

// Explain answers with the events as deposits of one by their own actors.
func (b *books) Denials(_ context.Context, f denials.Filter) ([]denials.Row, bool, error) {
	b.note(f)
	rows := b.denials
	for f.Before != nil && len(rows) > 0 && rows[0].ID != f.Before.ID {
		rows = rows[1:]
	}
	if f.Before != nil {
		rows = rows[1:]
	}
	return rows[:min(f.Limit, len(rows))], len(rows) > f.Limit, b.fail
}

func (b *books) Approval(_ context.Context, id uuid.UUID) (readmodel.Approval, readmodel.Freshness, error) {
	for _, a := range b.waiting {
		if a.ID == id {
			return a, b.fresh(), b.fail
		}
	}
	return readmodel.Approval{}, b.fresh(), readmodel.ErrNotFound
}

func (b *books) Approvals(_ context.Context, f readmodel.ApprovalFilter) ([]readmodel.Approval, bool, readmodel.Freshness, error) {
	b.note(f)
	var found []readmodel.Approval
	behind := f.Before == uuid.Nil
	for _, a := range b.waiting {
		if behind && (f.Maker == "" || f.Maker == a.Maker) && (f.AccountID == uuid.Nil || f.AccountID == a.AccountID) && (f.Status == "" || f.Status == a.Status) {
			found = append(found, a)
		}
		behind = behind || a.ID == f.Before
	}
	return found[:min(f.Limit, len(found))], len(found) > f.Limit, b.fresh(), b.fail
}

func (b *books) Explain(_ context.Context, id uuid.UUID, after int64, limit int) (readmodel.Explanation, readmodel.Freshness, error) {
	b.note(explainQuestion{after, limit})
	one, transaction := int64(1), uuid.New()
	e := readmodel.Explanation{AccountID: id, Currency: "EUR", Opening: readmodel.Opening{Version: after, Balance: after}}
	for i, actor := range []string{"teller-1", "o"} {
		n := after + int64(i) + 1
		e.Rows = append(e.Rows, readmodel.ExplainedRow{Version: n, Position: n, EventID: uuid.New(), TransactionID: &transaction, Type: "deposit",
			Amount: &one, Balance: n, Actor: actor, IdempotencyKey: "key of " + actor, CorrelationID: "request of " + actor, InReadModel: true})
	}
	e.More = after == 0
	e.Agreement = readmodel.Agreement{LogVersion: 4, FirstVersion: 3, FirstPosition: 3, Difference: "the timeline says 2, the sum is 3"}
	return e, b.fresh(), b.fail
}

type waitQuestion struct {
	Position    int64
	Projections []string
}

func (b *books) WaitFor(ctx context.Context, position int64, projections ...string) (readmodel.Freshness, error) {
	b.note(waitQuestion{position, projections})
	for {
		b.mu.Lock()
		reached, moved := b.position, b.advanced
		b.mu.Unlock()
		if reached >= position {
			return readmodel.Freshness{Position: reached}, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return readmodel.Freshness{}, readmodel.ErrStale{Position: reached}
		}
	}
}

// rig is the API over the books.
type rig struct {
	*httpapitest.Kit
	t      *testing.T
	books  *books
	server http.Handler
	reader string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	kit, books := httpapitest.New(t, api.Query), newBooks()
	server, err := queryapi.New(kit.Config(), books, queryapi.Streams{})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{Kit: kit, t: t, books: books, server: server, reader: kit.Token(t, "reader-1", auth.AccountsRead)}
}

func (r *rig) get(path string, header ...string) *httpapitest.Response {
	r.t.Helper()
	return r.as(r.reader, path, header...)
}

func (r *rig) as(token, path string, header ...string) *httpapitest.Response {
	r.t.Helper()
	h := map[string]string{}
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = header[i+1] //nolint:gosec // pairs
	}
	return r.Do(r.t, r.server, httpapitest.Request{Method: "GET", Path: path, Token: token, Header: h})
}

func (r *rig) want(answer *httpapitest.Response, status int, code string) *httpapitest.Response {
	r.t.Helper()
	if answer.Status != status || answer.Problem.Code != code {
		r.t.Fatalf("got %d %s, want %d %s", answer.Status, answer.Body, status, code)
	}
	return answer
}

// last is the last question of a type.
func last[T any](t *testing.T, b *books) T {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, question := range slices.Backward(b.asked) {
		if q, ok := question.(T); ok {
			return q
		}
	}
	t.Fatal("that was not asked")
	panic("unreachable")
}

// account adds an account and returns its path.
func (r *rig) account(owner string) (readmodel.Account, string) {
	r.t.Helper()
	a := readmodelAccount()
	a.OwnerID = owner
	r.books.accounts = append(r.books.accounts, a)
	return a, "/v1/accounts/" + a.ID.String()
}

// readmodelAccount is an account with something in every field.
func readmodelAccount() readmodel.Account {
	opened := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	return readmodel.Account{
		ID: uuid.Must(uuid.NewV7()), OwnerID: "owner-17", OwnerName: "Ada", Currency: "EUR", Balance: -100, Held: 5, Available: 395, OverdraftLimit: 500,
		Status: "frozen", FreezeScope: "debit", Metadata: map[string]string{"b": "2", "a": "1"}, Version: 17, Position: 10,
		OpenedAt: opened, UpdatedAt: opened.Add(time.Hour),
	}
}
