package readmodeltest

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
)

// command makes up what a customer, a teller, another bank or the bank itself would ask for. Many are refused.
func (g *Generator) command() bank.Command {
	opening := len(g.accounts) == 0 || len(g.accounts) < g.AccountsMax && g.random.IntN(10) == 0
	if opening {
		c := g.open()
		return bank.OnAccount{AccountID: c.AccountID, Command: c}
	}
	state := g.account(one(g, g.accounts))
	switch n := g.random.IntN(100); {
	case n < 8:
		target := one(g, g.accounts)
		return bank.Transfer{TransactionID: g.id(), SourceID: state.ID, TargetID: target, Money: g.money(state, 3), Reference: g.word("ref"), Metadata: g.metadata()}
	case n < 11 && len(g.originals) > 0:
		return bank.Reverse{ReversalID: g.id(), Original: one(g, g.originals), Amount: g.part(), Reason: "mistake", Metadata: g.metadata()}
	case n < 13:
		return g.request(state)
	case n < 18 && len(g.payments) > 0:
		id := one(g, g.payments)
		p, _ := g.world[id].(payment.State)
		return bank.OnPayment{PaymentID: id, AccountID: p.AccountID, Command: g.onPayment(p)}
	case n < 22 && len(g.approvals) > 0:
		return g.onApproval(one(g, g.approvals))
	default:
		return bank.OnAccount{AccountID: state.ID, Command: g.onAccount(state)}
	}
}

// onApproval has somebody decide, or time.
func (g *Generator) onApproval(id uuid.UUID) bank.Command {
	on := bank.OnApproval{ApprovalID: id, Original: g.waiting[id]}
	switch by := g.word("checker"); g.random.IntN(4) {
	case 0, 1:
		on.Command = approval.Approve{By: by, Reason: one(g, []string{"", "seen ✓"})}
	case 2:
		on.Command = approval.Reject{By: by, Reason: "not confirmed"}
	default:
		on.Command = approval.Expire{}
	}
	return on
}

// one picks any of them.
func one[T any](g *Generator, all []T) T { return all[g.random.IntN(len(all))] }

// part is an amount, or nil for the whole.
func (g *Generator) part() *money.Amount {
	if g.random.IntN(2) == 0 {
		return nil
	}
	return new(money.Amount(1 + g.random.IntN(10_000)))
}

func (g *Generator) onAccount(state account.State) account.Command {
	switch {
	case state.Status == account.StatusClosed && g.random.IntN(5) == 0:
		return account.Reopen{Reason: "came back"}
	case state.Balance == 0 && state.Version > 3 && g.random.IntN(5) == 0:
		return account.Close{Reason: "moved away"}
	}
	switch n := g.random.IntN(100); {
	case n < 35:
		return account.Deposit{TransactionID: g.id(), Money: g.money(state, 1), Source: g.word("source"), Reference: g.word("ref"), Metadata: g.metadata()}
	case n < 60:
		return account.Withdraw{TransactionID: g.id(), Money: g.money(state, 1), Channel: g.word("channel"), Reference: g.word("ref"), Metadata: g.metadata()}
	case n < 78:
		return g.onHold(state)
	case n < 83:
		return account.ChargeFee{TransactionID: g.id(), Money: g.money(state, 50), Reason: "maintenance", Metadata: g.metadata()}
	case n < 87:
		return account.PostInterest{TransactionID: g.id(), Money: g.interest(state), Rate: "0.5", Period: g.word("2025")}
	case n < 89:
		return account.Freeze{Reason: g.word("court"), Scope: one(g, []account.FreezeScope{account.FreezeAll, account.FreezeDebit})}
	case n < 93:
		return account.Unfreeze{Reason: "cleared"}
	case n < 96:
		return g.settings()
	case n < 99 && state.Balance > 0: // empties the account, so that it can be closed
		return account.Withdraw{TransactionID: g.id(), Money: money.Money{Amount: state.Balance, Currency: state.Currency}, Channel: "counter"}
	default:
		return account.Freeze{Reason: "suspicion", Scope: account.FreezeAll}
	}
}

// onHold places holds, and does something with those that there are; some it leaves until their time is over.
func (g *Generator) onHold(state account.State) account.Command {
	if len(state.Holds) == 0 || g.random.IntN(3) == 0 {
		expires := g.at.Add(time.Hour + time.Duration(g.random.Int64N(int64(24*time.Hour)))).Truncate(time.Microsecond)
		return account.PlaceHold{HoldID: g.id(), Money: g.money(state, 5), ExpiresAt: expires, Reference: g.word("card"), Metadata: g.metadata()}
	}
	hold := one(g, state.Holds)
	switch g.random.IntN(8) {
	case 0, 1, 2:
		return account.CaptureHold{TransactionID: g.id(), HoldID: hold.ID, Amount: g.part(), Final: g.random.IntN(2) == 0, Reference: g.word("shop")}
	case 3, 4:
		return account.ReleaseHold{HoldID: hold.ID, Reason: g.word("void")}
	case 5:
		return account.ExtendHold{HoldID: hold.ID, ExpiresAt: hold.ExpiresAt.Add(24 * time.Hour)}
	default:
		return account.ExpireHolds{}
	}
}

func (g *Generator) request(state account.State) bank.Command {
	id := g.id()
	return bank.OnPayment{PaymentID: id, AccountID: state.ID, Command: payment.Request{
		PaymentID: id, AccountID: state.ID, HoldID: g.id(), Money: g.money(state, 2), Creditor: payment.Creditor{Name: "Landlord ✓", Account: "12-3456/0800"},
		Reference: g.word("rent"), Metadata: g.metadata(), Deadline: g.at.Add(time.Hour + time.Duration(g.random.Int64N(int64(24*time.Hour)))),
	}}
}

func (g *Generator) onPayment(p payment.State) payment.Command {
	if p.Stuck && g.random.IntN(2) == 0 {
		return payment.Push{By: "ada", Reason: "again"}
	}
	switch g.random.IntN(10) {
	case 0, 1:
		return payment.Submit{GatewayReference: g.word("gw")}
	case 2, 3:
		return payment.Settle{GatewayReference: g.word("gw")}
	case 4:
		return payment.Reject{Code: "AC04", Reason: "account closed"}
	case 5:
		return payment.Cancel{By: "ada", Reason: g.word("asked")}
	case 6:
		return payment.MarkStuck{Reason: "no answer"}
	default:
		return payment.TimeOut{}
	}
}

func (g *Generator) open() account.Open {
	owner := g.random.IntN(max(2, g.AccountsMax/3))
	return account.Open{
		AccountID: g.id(), OwnerID: fmt.Sprintf("owner-%d", owner), OwnerName: fmt.Sprintf("Owner %d ✓", owner),
		Currency: currencies[g.random.IntN(len(currencies))], OverdraftLimit: money.Amount(g.random.IntN(3) * 10_000), Metadata: g.metadata(),
	}
}

func (g *Generator) money(state account.State, divisor int) money.Money {
	return money.Money{Amount: money.Amount(1 + g.random.IntN(50_000)/divisor), Currency: state.Currency}
}

func (g *Generator) interest(state account.State) money.Money {
	m := g.money(state, 100)
	if g.random.IntN(4) == 0 {
		m.Amount = -m.Amount
	}
	return m
}

func (g *Generator) settings() account.Command {
	limit := money.Amount(g.random.IntN(5) * 10_000)
	name := g.word("Renamed")
	metadata := g.metadata()
	switch g.random.IntN(4) {
	case 0:
		return account.ChangeSettings{OverdraftLimit: &limit}
	case 1:
		return account.ChangeSettings{OwnerName: &name}
	case 2:
		limits := account.Limits{PerTransaction: money.Amount(g.random.IntN(3) * 20_000), PerDay: money.Amount(g.random.IntN(3) * 30_000), PerMonth: money.Amount(g.random.IntN(3) * 300_000)}
		return account.ChangeSettings{Limits: &limits}
	default:
		return account.ChangeSettings{OverdraftLimit: &limit, Metadata: &metadata}
	}
}

// word is the stem with a number, or nothing.
func (g *Generator) word(stem string) string {
	n := g.random.IntN(8)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s-%d", stem, n)
}

func (g *Generator) metadata() map[string]string {
	if g.random.IntN(4) > 0 {
		return nil
	}
	return map[string]string{"branch": g.word("b"), "note": `quotes " and <tags>`}
}
