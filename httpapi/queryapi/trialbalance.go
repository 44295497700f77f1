package queryapi

import (
	"context"
	"net/http"

	"passbook/readmodel"
)

// VisitGetTrialBalanceResponse writes the answer.
func (a *answer) VisitGetTrialBalanceResponse(w http.ResponseWriter) error { return a.write(w) }

// GetTrialBalance answers with the bank's books. They are exact at one position, which parked accounts hold back.
func (h *handlers) GetTrialBalance(ctx context.Context, r GetTrialBalanceRequestObject) (GetTrialBalanceResponseObject, error) {
	at, err := optionalTime("at", r.Params.At)
	if err != nil {
		return nil, err
	}
	if err := h.wait(ctx, readmodel.Balances, readmodel.Timeline); err != nil {
		return nil, err
	}
	t, fresh, err := h.reads.TrialBalance(ctx, at)
	if err != nil {
		return nil, translate(err)
	}
	if err := reached(ctx, fresh, nil); err != nil {
		return nil, err
	}
	view := TrialBalance{At: t.At, Position: t.Position, Balanced: t.Balanced(), Currencies: make([]CurrencyTotals, len(t.Currencies))}
	for i := range t.Currencies {
		view.Currencies[i] = totalsOf(&t.Currencies[i])
	}
	view.Stale, view.StaleSince = staleOf(fresh)
	return &answer{fresh: fresh, body: view}, nil
}

func totalsOf(c *readmodel.CurrencyTotals) CurrencyTotals {
	view := CurrencyTotals{
		Currency: c.Currency, Accounts: c.Accounts, Debits: c.Debits, Credits: c.Credits, Balanced: c.Debits == c.Credits, Lines: make([]TrialLine, len(c.Lines)),
	}
	for i, l := range c.Lines {
		view.Lines[i] = TrialLine{Line: TrialLineLine(l.Name), Debit: l.Debit, Credit: l.Credit}
		if l.Name != readmodel.LineAccounts {
			view.Lines[i].Movements = &c.Lines[i].Movements
		}
	}
	return view
}
