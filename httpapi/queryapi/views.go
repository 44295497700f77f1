package queryapi

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/runtime/types"

	"passbook/eventstore"
	"passbook/readmodel"
)

// What the read models answer, in the words of the document.

func balanceOf(b readmodel.BalanceAt, fresh readmodel.Freshness) Balance {
	view := Balance{
		AccountID: b.AccountID, Currency: b.Currency, Balance: b.Balance, Held: b.Held, At: b.At.UTC(), Basis: Basis(b.Basis),
	}
	if b.Version > 0 {
		view.Version = &b.Version
	}
	view.Stale, view.StaleSince = staleOf(fresh)
	return view
}

func seriesOf(id uuid.UUID, currency string, basis Basis, from, to time.Time, days []readmodel.DayBalance) BalanceSeries {
	view := BalanceSeries{
		AccountID: id, Currency: currency, Interval: Day, Basis: basis,
		From: types.Date{Time: from}, To: types.Date{Time: to}, Data: make([]DayBalance, len(days)),
	}
	for i, d := range days {
		view.Data[i] = DayBalance{Date: types.Date{Time: d.Date}, Balance: d.Balance, In: d.In, Out: d.Out, Movements: d.Movements}
	}
	return view
}

// staleOf marks the data of a parked account.
func staleOf(fresh readmodel.Freshness) (*bool, *time.Time) {
	if fresh.StaleSince.IsZero() {
		return nil, nil
	}
	stale, since := true, fresh.StaleSince.UTC()
	return &stale, &since
}

func eventsOf(events []eventstore.Event) []Event {
	views := make([]Event, len(events))
	for i, e := range events {
		views[i] = Event{
			Position: e.Position, EventID: e.ID, StreamType: e.StreamType, StreamID: e.StreamID, Version: e.Version,
			Type: e.Type, Schema: e.Schema, Data: object(e.Data), Metadata: object(e.Metadata),
			EffectiveAt: e.EffectiveAt.UTC(), RecordedAt: e.RecordedAt.UTC(),
		}
	}
	return views
}

// object makes nothing an empty object, which is what clients were promised.
func object(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return json.RawMessage("{}")
	}
	return text
}
