package commandapi_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/api"
	"passbook/command"
	"passbook/domain/account"
	banking "passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/httpapi"
	"passbook/httpapi/auth"
	"passbook/httpapi/commandapi"
	"passbook/httpapi/httpapitest"
)

// bank is a command.Processor without a log: the real rules, the real rendering, and the promises that the API builds on.
type bank struct {
	mu        sync.Mutex
	accounts  map[uuid.UUID]account.State
	others    map[uuid.UUID]banking.Aggregate // of all streams, by their ids
	originals map[uuid.UUID]banking.Original
	answers   map[[2]string]kept // by caller and key
	requests  []command.Request
	position  int64
	ahead     time.Duration               // of the clock
	fail      func(command.Request) error // when set, asked first
	closed    func(caller string) error   // when set, asked before that
	atomic    func() error                // when set, asked in place of executing together
	lost      error                       // when set, nothing is found for it
	begin     func(command.Request) (pending command.Pending, err error, mine bool)
}

type kept struct {
	fingerprint [32]byte
	answer      command.Answer
}

func newBank() *bank {
	return &bank{accounts: map[uuid.UUID]account.State{}, others: map[uuid.UUID]banking.Aggregate{}, originals: map[uuid.UUID]banking.Original{}, answers: map[[2]string]kept{}}
}

func (b *bank) Admits(caller string) error {
	if b.closed != nil {
		return b.closed(caller)
	}
	return nil
}

func (b *bank) Execute(ctx context.Context, r command.Request) (command.Answer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, r)
	if b.fail != nil {
		if err := b.fail(r); err != nil {
			return command.Answer{}, err
		}
	}
	if r.DryRun {
		before := b.copy()
		defer b.restore(before)
	} else if said, ok := b.answers[[2]string{r.Caller, r.Key}]; ok {
		if said.fingerprint != r.Fingerprint {
			return command.Answer{}, command.ErrKeyReused
		}
		said.answer.Replayed = true
		return said.answer, ctx.Err()
	}
	state := b.accounts[banking.Principal(r.Command)]
	if r.IfVersion != command.NoVersion && r.IfVersion != state.Version {
		return command.Answer{}, &command.VersionMismatch{Expected: r.IfVersion, Actual: state.Version}
	}
	return b.decide(r, state), nil
}

// Begin is Execute, unless the test has its own way.
func (b *bank) Begin(ctx context.Context, r command.Request) (command.Pending, error) {
	if b.begin != nil {
		if pending, err, mine := b.begin(r); mine {
			return pending, err
		}
	}
	pending, tell := command.Promised()
	tell(b.Execute(ctx, r))
	return pending, nil
}

func (b *bank) decide(r command.Request, state account.State) command.Answer {
	now := time.Now().Add(b.ahead)
	var changes []banking.Change
	err := error(account.NotFound{})
	if r.OwnedBy == "" || r.OwnedBy == state.OwnerID {
		changes, err = banking.Decide(b, r.Command, now)
	} else {
		state = account.State{}
	}
	before := state
	for _, c := range changes {
		for _, e := range c.Events {
			if e, ok := e.(account.Event); ok {
				if original, moved := banking.OriginalOf(c.StreamID, e); moved {
					b.originals[original.TransactionID] = original
				}
			}
			b.others[c.StreamID], _ = banking.Evolve(b.Aggregate(c.StreamID), c.StreamID, e, now)
			b.position++
		}
		if after, ok := b.others[c.StreamID].(account.State); ok {
			b.accounts[c.StreamID] = after
		}
	}
	if err == nil {
		state = b.accounts[banking.Principal(r.Command)]
	}
	out := command.Outcome{State: state, Position: b.position, RecordedAt: now, Refusal: err, Changes: changes, After: b}
	if len(changes) > 0 && state.LastTransaction != before.LastTransaction {
		out.TransactionID = state.LastTransaction
	}
	status, body := commandapi.Render(r, out)
	answer := command.Answer{Status: status, Body: body, SubjectID: command.Subject(r.Command), Version: state.Version, Position: b.position}
	if status < 300 || status == 422 {
		b.answers[[2]string{r.Caller, r.Key}] = kept{r.Fingerprint, answer}
	}
	return answer
}

// ExecuteAtomic executes all requests or takes everything back.
func (b *bank) ExecuteAtomic(ctx context.Context, requests []command.Request) ([]command.Answer, error) {
	if b.atomic != nil {
		return nil, b.atomic()
	}
	before := b.copy()
	var answers []command.Answer
	for i, r := range requests {
		a, err := b.Execute(ctx, r)
		if err != nil || a.Status >= 300 {
			b.restore(before)
			return nil, &command.Undone{Index: i, Answer: a, Err: err}
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (b *bank) copy() *bank {
	return &bank{accounts: maps.Clone(b.accounts), others: maps.Clone(b.others), answers: maps.Clone(b.answers), position: b.position}
}

func (b *bank) restore(before *bank) {
	b.accounts, b.others, b.answers, b.position = before.accounts, before.others, before.answers, before.position
}

// Hold implements commandapi.Finder.
func (b *bank) Hold(_ context.Context, id uuid.UUID) (uuid.UUID, error) {
	if b.lost != nil {
		return uuid.Nil, b.lost
	}
	for accountID, s := range b.accounts {
		if _, open := s.Hold(id); open {
			return accountID, nil
		}
		for _, ended := range s.Ended {
			if ended.ID == id {
				return accountID, nil
			}
		}
	}
	return uuid.Nil, command.ErrNotFound
}

// Transaction implements commandapi.Finder.
func (b *bank) Transaction(_ context.Context, id uuid.UUID) (banking.Original, error) {
	if o, ok := b.originals[id]; ok {
		return o, nil
	}
	return banking.Original{}, command.ErrNotFound
}

// Payment implements commandapi.Finder.
func (b *bank) Payment(_ context.Context, id uuid.UUID) (uuid.UUID, error) {
	if s, ok := b.others[id].(payment.State); ok {
		return s.AccountID, nil
	}
	return uuid.Nil, command.ErrNotFound
}

// Approval implements commandapi.Finder. This bank asks no second person; see approval_test.go for one that does.
func (b *bank) Approval(context.Context, uuid.UUID) (command.Waiting, error) {
	return command.Waiting{}, command.ErrNotFound
}

// Aggregate implements the domain's World.
func (b *bank) Aggregate(id uuid.UUID) banking.Aggregate {
	if state, ok := b.accounts[id]; ok {
		return state
	}
	return b.others[id]
}

// last is the request that came to the bank last.
func (b *bank) last(t *testing.T) command.Request {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		t.Fatal("the bank was not asked")
	}
	return b.requests[len(b.requests)-1]
}

func (b *bank) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

// rig is a bank with its API and a teller's token.
type rig struct {
	*httpapitest.Kit
	t      *testing.T
	bank   *bank
	server *httpapi.Server
	teller string
	found  map[string]string // what a test has come across, by name
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWithin(t, commandapi.Limits{})
}

func newRigWithin(t *testing.T, limits commandapi.Limits) *rig {
	t.Helper()
	kit := httpapitest.New(t, api.Command)
	bank := newBank()
	server, err := commandapi.New(kit.Config(), limits, bank, bank, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{Kit: kit, t: t, bank: bank, server: server, teller: kit.Token(t, "teller-1", auth.AccountsWrite), found: map[string]string{}}
}

// do sends a request as the teller, under a key of its own unless the header has one.
func (r *rig) do(method, path, body string, header ...string) *httpapitest.Response {
	r.t.Helper()
	return r.as(r.teller, method, path, body, header...)
}

func (r *rig) as(token, method, path, body string, header ...string) *httpapitest.Response {
	r.t.Helper()
	h := map[string]string{"Idempotency-Key": "key-" + uuid.NewString()}
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = header[i+1] //nolint:gosec // pairs
	}
	return r.Do(r.t, r.server, httpapitest.Request{Method: method, Path: path, Token: token, Body: body, Header: h})
}

// open opens an account in EUR and returns its path.
func (r *rig) open(more string) string {
	r.t.Helper()
	answer := r.do("POST", "/v1/accounts", `{"owner_id":"owner-17","owner_name":"Ada","currency":"EUR"`+more+`}`)
	if answer.Status != 201 {
		r.t.Fatalf("open: %d %s", answer.Status, answer.Body)
	}
	return answer.Header.Get("Location")
}

// want fails unless the answer has the status and, where it is a problem, the code.
func (r *rig) want(answer *httpapitest.Response, status int, code string) *httpapitest.Response {
	r.t.Helper()
	if answer.Status != status || answer.Problem.Code != code {
		r.t.Fatalf("got %d %s, want %d %s", answer.Status, answer.Body, status, code)
	}
	return answer
}
