package bank_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
)

var (
	eur   = money.MustCurrency("EUR")
	start = time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC) // days and months end on the way
)

// world is the aggregates as the code under test has them.
type world map[uuid.UUID]bank.Aggregate

func (w world) Aggregate(id uuid.UUID) bank.Aggregate { return w[id] }

// The model: plain maps of numbers, which know nothing of events.
type (
	modelHold struct {
		amount  money.Amount
		until   time.Time // zero: never
		placed  time.Time
		payment uuid.UUID
	}
	modelAccount struct {
		open           bool
		closed         bool
		frozen         account.FreezeScope
		balance, limit money.Amount
		perDay         money.Amount
		day            string
		spent          money.Amount
		holds          map[uuid.UUID]*modelHold
	}
	modelTransaction struct {
		from, to uuid.UUID // zero: outside of the bank
		amount   money.Amount
		undone   money.Amount
		final    bool // is not undone
	}
	modelPayment struct {
		account, hold uuid.UUID
		amount        money.Amount
		outcome       string
		deadline      time.Time
	}
)

// machine runs commands against both.
type machine struct {
	world    world
	at       time.Time
	accounts []uuid.UUID
	model    map[uuid.UUID]*modelAccount
	moved    map[uuid.UUID]*modelTransaction
	payments map[uuid.UUID]*modelPayment
	order    []uuid.UUID // of transactions, so that drawing one is repeatable
	holds    []uuid.UUID
	paid     []uuid.UUID
	outside  money.Amount // what has come into the bank less what has left it
	next     byte
	high     byte
}

func (m *machine) id() uuid.UUID {
	if m.next++; m.next == 0 {
		m.high++
	}
	return uuid.UUID{0x01, 0x98, m.high, m.next, 0, 0, 0x70, 0, 0x80}
}

// do has the code decide, compares the verdict with the model's, and applies what follows to the aggregates.
func (m *machine) do(t *rapid.T, c bank.Command, want string) bool {
	t.Helper()
	changes, err := bank.Decide(m.world, c, m.at)
	got := ""
	if err != nil {
		var refusal bank.Refusal
		if !errors.As(err, &refusal) || changes != nil {
			t.Fatalf("%+v: %v with %v", c, err, changes)
		}
		got = refusal.Code()
	}
	if got != want {
		t.Fatalf("%+v: decided %q, the model says %q", c, got, want)
	}
	for _, change := range changes {
		for _, e := range change.Events {
			after, fits := bank.Evolve(m.world[change.StreamID], change.StreamID, e, m.at)
			if !fits || bank.StreamType(after) != change.StreamType {
				t.Fatalf("%+v does not belong into %s %s", e, change.StreamType, change.StreamID)
			}
			typ, schema, data := bank.Encode(e)
			if read, err := bank.Decode(change.StreamType, typ, schema, data); err != nil || !sameEvent(read, e) {
				t.Fatalf("%+v is read as %+v, %v", e, read, err)
			}
			m.world[change.StreamID] = after
		}
	}
	return err == nil
}

func sameEvent(a, b bank.Event) bool {
	_, _, x := bank.Encode(a)
	_, _, y := bank.Encode(b)
	return string(x) == string(y)
}

// check holds the aggregates against the model: after every step.
func (m *machine) check(t *rapid.T) {
	var total money.Amount
	for id, a := range m.model {
		s, _ := m.world[id].(account.State)
		if a.open != (s.Status != account.StatusNone) || s.Balance != a.balance {
			t.Fatalf("account %s: %+v, the model has %+v", id, s, *a)
		}
		held := money.Amount(0)
		for _, h := range s.Holds {
			held += h.Amount
		}
		if s.Held != held {
			t.Fatalf("account %s: held %d, its holds are %d", id, s.Held, held)
		}
		total += s.Balance
	}
	if total != m.outside {
		t.Fatalf("the accounts hold %d, %d came in: money is not conserved", total, m.outside)
	}
}

// expire forgets the holds whose time is over.
func (a *modelAccount) expire(at time.Time) {
	for id, h := range a.holds {
		if !h.until.IsZero() && !at.Before(h.until) {
			delete(a.holds, id)
			a.giveBack(h, at)
		}
	}
}

func (a *modelAccount) giveBack(h *modelHold, at time.Time) {
	if a.today(at); a.day == h.placed.Format(time.DateOnly) {
		a.spent -= h.amount
	}
}

func (a *modelAccount) today(at time.Time) {
	if day := at.Format(time.DateOnly); day != a.day {
		a.day, a.spent = day, 0
	}
}

func (a *modelAccount) available() money.Amount {
	free := a.balance + a.limit
	for _, h := range a.holds {
		free -= h.amount
	}
	return free
}

// usable says what stands in the way of a movement of an account.
func (a *modelAccount) usable(amount money.Amount, stoppedBy ...account.FreezeScope) string {
	switch {
	case !a.open:
		return "not_found"
	case a.closed:
		return "account_closed"
	case amount < 1:
		return "amount_out_of_range"
	case a.frozen != "" && slices.Contains(stoppedBy, a.frozen):
		return "account_frozen"
	}
	return ""
}

// spends says what stands in the way of spending.
func (a *modelAccount) spends(amount money.Amount, at time.Time) string {
	if code := a.usable(amount, account.FreezeAll, account.FreezeDebit); code != "" {
		return code
	}
	a.today(at)
	switch {
	case a.perDay != 0 && a.spent+amount > a.perDay:
		return "limit_exceeded"
	case amount > a.available():
		return "insufficient_funds"
	}
	return ""
}

func first(codes ...string) string {
	for _, code := range codes {
		if code != "" {
			return code
		}
	}
	return ""
}

// TestTheBankAgainstAPlainModel: any commands on several accounts, in any order, while time passes. No account goes below its
// limit, money is conserved, and each verdict is the model's.
func TestTheBankAgainstAPlainModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{world: world{}, at: start, model: map[uuid.UUID]*modelAccount{}, moved: map[uuid.UUID]*modelTransaction{}, payments: map[uuid.UUID]*modelPayment{}}
		for range 4 {
			id := m.id()
			m.accounts = append(m.accounts, id)
			m.model[id] = &modelAccount{holds: map[uuid.UUID]*modelHold{}}
		}
		t.Repeat(map[string]func(*rapid.T){
			"":          m.check,
			"time":      m.passTime,
			"open":      m.openAccount,
			"deposit":   m.deposit,
			"deposit 2": m.deposit,
			"withdraw":  m.withdraw,
			"fee":       m.fee,
			"transfer":  m.transfer,
			"transfer2": m.transfer,
			"hold":      m.placeHold,
			"capture":   m.capture,
			"release":   m.release,
			"reverse":   m.reverse,
			"reverse2":  m.reverse,
			"pay":       m.pay,
			"outcome":   m.outcome,
			"settings":  m.settings,
			"lifecycle": m.lifecycle,
		})
	})
}

func (m *machine) passTime(t *rapid.T) {
	m.at = m.at.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
}

// pick draws an account; everything that concerns it finds its expired holds gone.
func (m *machine) pick(t *rapid.T, label string) (uuid.UUID, *modelAccount) {
	id := rapid.SampledFrom(m.accounts).Draw(t, label)
	return id, m.model[id]
}

var amounts = rapid.OneOf(rapid.Int64Range(1, 120), rapid.Int64Range(-1, 1))

func (m *machine) amount(t *rapid.T) money.Money {
	return money.Money{Amount: money.Amount(amounts.Draw(t, "amount")), Currency: eur}
}

// on is what a command of one account is, decided with the account's expired holds gone if it is not refused.
func (m *machine) on(t *rapid.T, id uuid.UUID, c account.Command, want string) bool {
	return m.do(t, bank.OnAccount{AccountID: id, Command: c}, want)
}
