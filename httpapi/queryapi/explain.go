package queryapi

import (
	"context"

	"passbook/httpapi"
	"passbook/readmodel"
)

// ExplainAccount answers with what the balance is made of.
func (h *handlers) ExplainAccount(ctx context.Context, r ExplainAccountRequestObject) (ExplainAccountResponseObject, error) {
	a, _, err := h.account(ctx, r.AccountID, readmodel.Balances, readmodel.Timeline)
	if err != nil {
		return nil, err
	}
	scope := filtersOf(cursorExplain, a.ID.String())
	after, err := decodeNumber(r.Params.Cursor, scope)
	if err != nil {
		return nil, err
	}
	explained, fresh, err := h.reads.Explain(ctx, a.ID, after, limitOf(r.Params.Limit))
	if err != nil {
		return nil, translate(err)
	}
	page := explanationOf(&explained, httpapi.CallFrom(ctx).OwnedBy)
	if explained.More {
		page.NextCursor = encodeNumber(scope, page.Data[len(page.Data)-1].Version)
	}
	return &answer{fresh: fresh, body: page}, nil
}

// explanationOf leaves out who caused what, and by which key, where that was another than the caller who is bound to its own.
func explanationOf(e *readmodel.Explanation, bound string) Explanation {
	a := &e.Agreement
	view := Explanation{
		AccountID: e.AccountID, OwnerID: e.OwnerID, Currency: e.Currency, HasMore: e.More, Data: make([]ExplainedEvent, len(e.Rows)),
		Opening: Opening{Version: e.Opening.Version, Balance: e.Opening.Balance},
		Totals:  ExplainedTotals{In: e.Totals.In, Out: e.Totals.Out, Movements: e.Totals.Movements, Balance: e.Totals.Balance},
		Agreement: Agreement{
			Agrees: a.Agrees, LogVersion: a.LogVersion, LogBalance: a.LogBalance, BalancesVersion: a.BalancesVersion,
			BalancesBalance: a.BalancesBalance, TimelineRows: a.TimelineRows, TimelineSum: a.TimelineSum,
		},
	}
	if !a.Agrees {
		view.Agreement.FirstDifference = &FirstDifference{Version: a.FirstVersion, Position: a.FirstPosition, Detail: a.Difference}
	}
	for i := range e.Rows {
		row := &e.Rows[i]
		view.Data[i] = ExplainedEvent{
			Version: row.Version, Position: row.Position, EventID: row.EventID, TransactionID: row.TransactionID, Type: TimelineType(row.Type),
			Amount: row.Amount, Balance: row.Balance, EffectiveAt: row.EffectiveAt, RecordedAt: row.RecordedAt,
			InReadModel: row.InReadModel, Difference: row.Difference,
		}
		if bound == "" || row.Actor == bound {
			view.Data[i].Actor, view.Data[i].IdempotencyKey, view.Data[i].CorrelationID = row.Actor, row.IdempotencyKey, row.CorrelationID
		}
	}
	return view
}
