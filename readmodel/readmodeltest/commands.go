package readmodeltest

import (
	"fmt"

	"passbook/domain/account"
	"passbook/domain/money"
)

// command makes up what a customer, a teller or the bank itself would ask of the account. Many are refused.
func (g *Generator) command(state account.State) account.Command {
	switch {
	case state.Version == 0:
		return g.open()
	case state.Status == account.StatusClosed && g.random.IntN(5) == 0:
		return account.Reopen{Reason: "came back"}
	case state.Balance == 0 && state.Version > 3 && g.random.IntN(5) == 0:
		return account.Close{Reason: "moved away"}
	}
	switch n := g.random.IntN(100); {
	case n < 40:
		return account.Deposit{TransactionID: g.id(), Money: g.money(state, 1), Source: g.word("source"), Reference: g.word("ref"), Metadata: g.metadata()}
	case n < 75:
		return account.Withdraw{TransactionID: g.id(), Money: g.money(state, 1), Channel: g.word("channel"), Reference: g.word("ref"), Metadata: g.metadata()}
	case n < 80:
		return account.ChargeFee{TransactionID: g.id(), Money: g.money(state, 50), Reason: "maintenance", Metadata: g.metadata()}
	case n < 85:
		return account.PostInterest{TransactionID: g.id(), Money: g.interest(state), Rate: "0.5", Period: g.word("2025")}
	case n < 88:
		return account.Freeze{Reason: g.word("court"), Scope: []account.FreezeScope{account.FreezeAll, account.FreezeDebit}[g.random.IntN(2)]}
	case n < 92:
		return account.Unfreeze{Reason: "cleared"}
	case n < 95:
		return g.settings()
	case n < 98 && state.Balance > 0: // empties the account, so that it can be closed
		return account.Withdraw{TransactionID: g.id(), Money: money.Money{Amount: state.Balance, Currency: state.Currency}, Channel: "counter"}
	default:
		return account.Freeze{Reason: "suspicion", Scope: account.FreezeAll}
	}
}

func (g *Generator) open() account.Command {
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
	switch g.random.IntN(3) {
	case 0:
		return account.ChangeSettings{OverdraftLimit: &limit}
	case 1:
		return account.ChangeSettings{OwnerName: &name}
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
