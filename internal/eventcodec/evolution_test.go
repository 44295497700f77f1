package eventcodec_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
)

// What the first code wrote, as it was declared then. These are facts: they are never changed.
type (
	depositedV1 struct {
		TransactionID uuid.UUID         `json:"transaction_id"`
		Amount        int64             `json:"amount"`
		Currency      string            `json:"currency"`
		Source        string            `json:"source,omitempty"`
		Reference     string            `json:"reference,omitempty"`
		Metadata      map[string]string `json:"metadata,omitempty"`
		BalanceAfter  int64             `json:"balance_after"`
		HeldAfter     int64             `json:"held_after"`
	}
	interestPostedV1 struct {
		TransactionID uuid.UUID         `json:"transaction_id"`
		Amount        int64             `json:"amount"`
		Currency      string            `json:"currency"`
		Rate          string            `json:"rate,omitempty"`
		Period        string            `json:"period,omitempty"`
		Reference     string            `json:"reference,omitempty"`
		Metadata      map[string]string `json:"metadata,omitempty"`
		BalanceAfter  int64             `json:"balance_after"`
		HeldAfter     int64             `json:"held_after"`
	}
	settingsChangedV1 struct {
		OverdraftLimit *int64             `json:"overdraft_limit,omitempty"`
		OwnerName      *string            `json:"owner_name,omitempty"`
		Metadata       *map[string]string `json:"metadata,omitempty"`
	}
)

// fact is something that happened, as it was written then and as it is written now.
type fact struct {
	kind string
	then any
	now  account.Event
}

var (
	someText = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "source", `"source":""`, `\`, `"`, "unspecified", "žluťoučký\u2028", "-5"}))
	someMap  = rapid.MapOfN(someText, someText, 0, 4)
)

// draw adds a fact to an account of the given balance.
func draw(t *rapid.T, balance int64) fact {
	id, currency := uuid.UUID(rapid.SliceOfN(rapid.ByteRange(1, 255), 16, 16).Draw(t, "id")), rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(t, "currency")
	amount := rapid.Int64Range(1, 1<<40).Draw(t, "amount")
	a, b, c, about := someText.Draw(t, "a"), someText.Draw(t, "b"), someText.Draw(t, "c"), someMap.Draw(t, "metadata")
	held := rapid.Int64Range(0, 1<<30).Draw(t, "held")
	cur := money.MustCurrency(currency)
	meta := about
	if len(about) == 0 {
		meta = nil
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		source := a
		if source == "" {
			source = "unspecified"
		}
		return fact{
			"money.deposited", depositedV1{id, amount, currency, a, b, about, balance + amount, held},
			account.Deposited{TransactionID: id, Amount: money.Amount(amount), Currency: cur, Source: source, Reference: b, Metadata: meta, BalanceAfter: money.Amount(balance + amount), HeldAfter: money.Amount(held)},
		}
	case 1:
		return fact{
			"interest.posted", interestPostedV1{id, amount, currency, a, b, c, about, balance + amount, held},
			account.InterestCredited{TransactionID: id, Amount: money.Amount(amount), Currency: cur, Rate: a, Period: b, Reference: c, Metadata: meta, BalanceAfter: money.Amount(balance + amount), HeldAfter: money.Amount(held)},
		}
	case 2:
		return fact{
			"interest.posted", interestPostedV1{id, -amount, currency, a, b, c, about, balance - amount, held},
			account.InterestDebited{TransactionID: id, Amount: money.Amount(amount), Currency: cur, Rate: a, Period: b, Reference: c, Metadata: meta, BalanceAfter: money.Amount(balance - amount), HeldAfter: money.Amount(held)},
		}
	default:
		then, now := settingsChangedV1{}, account.TermsChanged{}
		if rapid.Bool().Draw(t, "limit") {
			then.OverdraftLimit, now.OverdraftLimit = &amount, new(money.Amount(amount))
		}
		if rapid.Bool().Draw(t, "name") {
			then.OwnerName, now.OwnerName = &a, &a
		}
		if rapid.Bool().Draw(t, "about") {
			then.Metadata, now.Metadata = &about, &about
		}
		return fact{"account.settings_changed", then, now}
	}
}

// stored is the payload in the layout in which all were written, or in another one.
func (f fact) stored(t *rapid.T) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	layout := rapid.SampledFrom([]string{"as written", "escaped", "indented", "sorted"}).Draw(t, "layout")
	encoder.SetEscapeHTML(layout == "escaped")
	then := f.then
	if layout == "indented" {
		encoder.SetIndent(" ", "\t")
	}
	if layout == "sorted" {
		plain, err := json.Marshal(f.then)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(plain, &members); err != nil {
			t.Fatal(err)
		}
		then = members
	}
	if err := encoder.Encode(then); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Random facts, written as they were then, read and folded, are what the same facts are, written today.
func TestOldPayloadsFoldAsIfWrittenToday(t *testing.T) {
	codec := newCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		var then, now account.State
		at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		opened := account.Opened{AccountID: uuid.UUID{1}, OwnerID: "o", Currency: money.MustCurrency("EUR")}
		then, now = account.Evolve(then, opened, at), account.Evolve(now, opened, at)
		for range rapid.IntRange(1, 12).Draw(t, "facts") {
			f := draw(t, int64(now.Balance))
			data := f.stored(t)
			read, err := codec.Decode(eventstore.Event{StreamType: account.StreamType, Type: f.kind, Schema: 1, Data: data})
			if err != nil || !reflect.DeepEqual(read, f.now) {
				t.Fatalf("%s is read as %+v, %v; want %+v", data, read, err, f.now)
			}
			kind, schema, encoded := account.Encode(f.now)
			written, err := codec.Decode(eventstore.Event{StreamType: account.StreamType, Type: kind, Schema: schema, Data: encoded})
			if err != nil {
				t.Fatal(err)
			}
			then, now = account.Evolve(then, read, at), account.Evolve(now, written, at)
			if !reflect.DeepEqual(then, now) {
				t.Fatalf("folded to %+v, want %+v", then, now)
			}
		}
	})
}

// Reading an old payload costs a copy of it beside reading it. What is written in another layout than all were is slow, and rare.
func BenchmarkDecode(b *testing.B) {
	codec := newCodec(b)
	for _, c := range []struct {
		name, kind string
		schema     int
		data       string
	}{
		{"deposit/now", "money.deposited", 2, head + `,"source":"unspecified","reference":"INV-2026-000123"` + tail},
		{"deposit/old", "money.deposited", 1, head + `,"reference":"INV-2026-000123"` + tail},
		{"deposit/old with a source", "money.deposited", 1, head + `,"source":"unspecified","reference":"INV-2026-000123"` + tail},
		{"deposit/old in another layout", "money.deposited", 1, `{"amount": 5, ` + head[1:] + `,"reference":"INV-2026-000123"` + tail},
		{"interest/now", "interest.debited", 1, head + `,"rate":"18.9 %","period":"2026-02"` + tail},
		{"interest/old", "interest.posted", 1, owed + `,"rate":"18.9 %","period":"2026-02"` + tail},
		{"terms/now", "account.terms_changed", 1, `{"overdraft_limit":50000}`},
		{"terms/old", "account.settings_changed", 1, `{"overdraft_limit":50000}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			stored := eventstore.Event{StreamType: account.StreamType, Type: c.kind, Schema: c.schema, Data: []byte(c.data)}
			for b.Loop() {
				if _, err := codec.Decode(stored); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
