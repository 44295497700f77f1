package bank_test

import (
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
)

func (m *machine) openAccount(t *rapid.T) {
	id, a := m.pick(t, "account")
	want := ""
	if a.open {
		want = "account_exists"
	}
	limit := money.Amount(rapid.SampledFrom([]int64{0, 0, 50}).Draw(t, "limit"))
	if m.on(t, id, account.Open{AccountID: id, OwnerID: "owner", OwnerName: m.id().String(), Currency: eur, OverdraftLimit: limit}, want) {
		a.open, a.limit = true, limit
	}
}

func (m *machine) deposit(t *rapid.T) {
	id, a := m.pick(t, "account")
	sum, tx := m.amount(t), m.id()
	a.expire(m.at)
	if m.on(t, id, account.Deposit{TransactionID: tx, Money: sum}, a.usable(sum.Amount, account.FreezeAll)) {
		a.balance += sum.Amount
		m.outside += sum.Amount
		m.remember(tx, modelTransaction{to: id, amount: sum.Amount})
	}
}

func (m *machine) withdraw(t *rapid.T) {
	id, a := m.pick(t, "account")
	sum, tx := m.amount(t), m.id()
	a.expire(m.at)
	if m.on(t, id, account.Withdraw{TransactionID: tx, Money: sum}, a.spends(sum.Amount, m.at)) {
		m.spend(t, a, sum.Amount)
		a.balance -= sum.Amount
		m.outside -= sum.Amount
		m.remember(tx, modelTransaction{from: id, amount: sum.Amount})
	}
}

func (m *machine) fee(t *rapid.T) {
	id, a := m.pick(t, "account")
	sum, tx := m.amount(t), m.id()
	a.expire(m.at)
	if m.on(t, id, account.ChargeFee{TransactionID: tx, Money: sum, Reason: "fee"}, a.usable(sum.Amount, account.FreezeAll)) {
		a.balance -= sum.Amount
		m.outside -= sum.Amount
		m.remember(tx, modelTransaction{from: id, amount: sum.Amount})
	}
}

func (m *machine) transfer(t *rapid.T) {
	from, a := m.pick(t, "from")
	to, b := m.pick(t, "to")
	sum, tx := m.amount(t), m.id()
	a.expire(m.at)
	b.expire(m.at)
	want := "same_account"
	if from != to {
		want = first(a.spends(sum.Amount, m.at), b.usable(sum.Amount, account.FreezeAll))
	}
	if m.do(t, bank.Transfer{TransactionID: tx, SourceID: from, TargetID: to, Money: sum}, want) {
		m.spend(t, a, sum.Amount)
		a.balance -= sum.Amount
		b.balance += sum.Amount
		m.remember(tx, modelTransaction{from: from, to: to, amount: sum.Amount})
	}
}

func (m *machine) placeHold(t *rapid.T) {
	id, a := m.pick(t, "account")
	sum, hold := m.amount(t), m.id()
	a.expire(m.at)
	until := m.at.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "minutes")) * time.Minute)
	if m.on(t, id, account.PlaceHold{HoldID: hold, Money: sum, ExpiresAt: until}, a.spends(sum.Amount, m.at)) {
		m.spend(t, a, sum.Amount)
		a.holds[hold] = &modelHold{amount: sum.Amount, until: until, placed: m.at}
		m.holds = append(m.holds, hold)
	}
}

// ofHold draws a hold that was placed once and an account, mostly its own.
func (m *machine) ofHold(t *rapid.T) (hold, id uuid.UUID, a *modelAccount) {
	if len(m.holds) == 0 {
		m.holds = append(m.holds, m.id()) // one that was never placed
	}
	hold = rapid.SampledFrom(m.holds).Draw(t, "hold")
	for _, owner := range m.accounts {
		if m.model[owner].holds[hold] != nil {
			return hold, owner, m.model[owner]
		}
	}
	id, a = m.pick(t, "account")
	return hold, id, a
}

// gone is what is said of a hold that is not there: how it ended, if the account remembers.
func (m *machine) gone(id, hold uuid.UUID) string {
	s, _ := m.world[id].(account.State)
	_, expiredNow := s.Hold(hold) // nobody has noticed
	for _, ended := range s.Ended {
		if ended.ID == hold && ended.How == account.HoldEndExpired {
			expiredNow = true
		}
	}
	if expiredNow {
		return "hold_expired"
	}
	return "hold_not_active"
}

func (m *machine) capture(t *rapid.T) {
	hold, id, a := m.ofHold(t)
	a.expire(m.at)
	sum, tx, final := m.amount(t), m.id(), rapid.Bool().Draw(t, "final")
	h := a.holds[hold]
	want := ""
	switch {
	case !a.open:
		want = "not_found"
	case a.closed:
		want = "account_closed"
	case h == nil:
		want = m.gone(id, hold)
	case h.payment != uuid.Nil:
		want = "hold_of_payment"
	case sum.Amount < 1:
		want = "amount_out_of_range"
	case a.frozen == account.FreezeAll:
		want = "account_frozen"
	case sum.Amount > h.amount:
		want = "capture_exceeds_hold"
	}
	if !m.on(t, id, account.CaptureHold{TransactionID: tx, HoldID: hold, Amount: &sum.Amount, Final: final}, want) {
		return
	}
	a.balance -= sum.Amount
	m.outside -= sum.Amount
	m.remember(tx, modelTransaction{from: id, amount: sum.Amount})
	if h.amount -= sum.Amount; h.amount == 0 || final {
		delete(a.holds, hold)
		a.giveBack(h, m.at)
	}
}

func (m *machine) release(t *rapid.T) {
	hold, id, a := m.ofHold(t)
	a.expire(m.at)
	h := a.holds[hold]
	if s, _ := m.world[id].(account.State); h == nil {
		for _, ended := range s.Ended {
			if ended.ID == hold && ended.How == account.HoldEndReleased {
				return // released before: nothing follows
			}
		}
	}
	want := ""
	switch {
	case !a.open:
		want = "not_found"
	case a.closed:
		want = "account_closed"
	case h == nil:
		want = m.gone(id, hold)
	case h.payment != uuid.Nil:
		want = "hold_of_payment"
	}
	if m.on(t, id, account.ReleaseHold{HoldID: hold}, want) {
		delete(a.holds, hold)
		a.giveBack(h, m.at)
	}
}

func (m *machine) reverse(t *rapid.T) {
	if len(m.order) == 0 {
		return // nothing has moved yet
	}
	tx, reversal, sum := rapid.SampledFrom(m.order).Draw(t, "transaction"), m.id(), m.amount(t).Amount
	o := m.moved[tx]
	original := bank.Original{TransactionID: tx, AccountID: o.from, CounterpartyID: o.to, Direction: account.Debit, Money: money.Money{Amount: o.amount, Currency: eur}, Irreversible: o.final}
	if o.from == uuid.Nil {
		original.AccountID, original.CounterpartyID, original.Direction = o.to, uuid.Nil, account.Credit
	}
	for _, id := range []uuid.UUID{o.from, o.to} {
		if id != uuid.Nil {
			m.model[id].expire(m.at)
		}
	}
	if m.do(t, bank.Reverse{ReversalID: reversal, Original: original, Amount: &sum, Reason: "r"}, m.refusesReversal(o, sum)) {
		o.undone += sum
		if o.from != uuid.Nil {
			m.model[o.from].balance += sum
		} else {
			m.outside -= sum
		}
		if o.to != uuid.Nil {
			m.model[o.to].balance -= sum
		} else {
			m.outside += sum
		}
		m.remember(reversal, modelTransaction{final: true, from: o.to, to: o.from, amount: sum})
	}
}

func (m *machine) refusesReversal(o *modelTransaction, sum money.Amount) string {
	switch {
	case o.final:
		return "not_reversible"
	case o.undone == o.amount:
		return "already_reversed"
	case sum > o.amount-o.undone:
		return "reversal_exceeds_original"
	}
	giveBack, takeBack := "", ""
	if o.from != uuid.Nil {
		giveBack = m.model[o.from].usable(sum, account.FreezeAll)
	}
	if o.to != uuid.Nil {
		b := m.model[o.to]
		if takeBack = b.usable(sum, account.FreezeAll); takeBack == "" && sum > b.available() {
			takeBack = "insufficient_funds"
		}
	}
	return first(giveBack, takeBack)
}

func (m *machine) pay(t *rapid.T) {
	id, a := m.pick(t, "account")
	sum, pay, hold := m.amount(t), m.id(), m.id()
	a.expire(m.at)
	want := a.spends(sum.Amount, m.at)
	if sum.Amount < 1 { // the payment is judged before the account
		want = "amount_out_of_range"
	}
	deadline := m.at.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
	request := payment.Request{PaymentID: pay, AccountID: id, HoldID: hold, Money: sum, Creditor: payment.Creditor{Name: "Bob", Account: "12345"}, Deadline: deadline}
	if m.do(t, bank.OnPayment{PaymentID: pay, AccountID: id, Command: request}, want) {
		m.spend(t, a, sum.Amount)
		a.holds[hold] = &modelHold{amount: sum.Amount, placed: m.at, payment: pay}
		m.payments[pay] = &modelPayment{account: id, hold: hold, amount: sum.Amount, deadline: deadline}
		m.paid, m.holds = append(m.paid, pay), append(m.holds, hold)
	}
}

// outcome answers a payment in some way, at the right time or not: it has one outcome, and its money is where that says.
func (m *machine) outcome(t *rapid.T) {
	if len(m.paid) == 0 {
		return // there is no payment yet
	}
	id := rapid.SampledFrom(m.paid).Draw(t, "payment")
	p := m.payments[id]
	a := m.model[p.account]
	a.expire(m.at)
	how := rapid.SampledFrom([]string{"settle", "reject", "time out", "cancel"}).Draw(t, "how")
	c := map[string]payment.Command{"settle": payment.Settle{GatewayReference: "g"}, "reject": payment.Reject{Code: "c", Reason: "r"},
		"time out": payment.TimeOut{}, "cancel": payment.Cancel{By: "b", Reason: "r"}}[how]
	want := ""
	switch {
	case how == "time out" && p.outcome == "" && m.at.Before(p.deadline):
		want = "payment_not_due"
	case p.outcome != "" && (how == "time out" || how == "cancel") && p.outcome != how:
		want = "payment_final"
	}
	if !m.do(t, bank.OnPayment{PaymentID: id, AccountID: p.account, Command: c}, want) || p.outcome != "" {
		return
	}
	p.outcome = how
	h := a.holds[p.hold]
	delete(a.holds, p.hold)
	if how == "settle" {
		a.balance -= p.amount
		m.outside -= p.amount
		m.remember(id, modelTransaction{from: p.account, amount: p.amount, final: true})
		return
	}
	a.giveBack(h, m.at)
}

func (m *machine) settings(t *rapid.T) {
	id, a := m.pick(t, "account")
	a.expire(m.at)
	perDay := money.Amount(rapid.SampledFrom([]int64{0, 0, 40, 300}).Draw(t, "per day"))
	want := ""
	switch {
	case !a.open:
		want = "not_found"
	case a.closed:
		want = "account_closed"
	}
	if m.on(t, id, account.ChangeSettings{Limits: &account.Limits{PerDay: perDay}}, want) {
		a.perDay = perDay
	}
}

func (m *machine) lifecycle(t *rapid.T) {
	id, a := m.pick(t, "account")
	a.expire(m.at)
	switch rapid.SampledFrom([]string{"freeze", "unfreeze", "unfreeze", "close", "reopen", "reopen"}).Draw(t, "what") {
	case "freeze":
		scope := rapid.SampledFrom([]account.FreezeScope{account.FreezeAll, account.FreezeDebit}).Draw(t, "scope")
		if m.on(t, id, account.Freeze{Scope: scope}, a.usable(1)) {
			a.frozen = scope
		}
	case "unfreeze":
		if m.on(t, id, account.Unfreeze{}, a.usable(1)) {
			a.frozen = ""
		}
	case "close":
		if m.on(t, id, account.Close{}, a.closes()) {
			a.closed = true
		}
	case "reopen":
		want := ""
		if !a.open {
			want = "not_found"
		}
		if m.on(t, id, account.Reopen{}, want) {
			a.closed = false
		}
	}
}

func (a *modelAccount) closes() string {
	switch {
	case !a.open:
		return "not_found"
	case a.closed:
		return ""
	case a.frozen != "":
		return "account_frozen"
	case a.balance != 0 || len(a.holds) > 0:
		return "balance_not_zero"
	}
	return ""
}

func (m *machine) remember(id uuid.UUID, tx modelTransaction) {
	m.moved[id] = &tx
	m.order = append(m.order, id)
}

// spend counts against the day's limit, and nothing that is spent takes an account below its limit.
func (m *machine) spend(t *rapid.T, a *modelAccount, amount money.Amount) {
	if amount > a.available() {
		t.Fatalf("%d spent, %d were available", amount, a.available())
	}
	a.today(m.at)
	a.spent += amount
}
