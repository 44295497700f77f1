package account_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/domain/account"
	"passbook/domain/money"
)

var texts = rapid.OneOf(rapid.String(), words, rapid.StringOf(rapid.SampledFrom([]rune{0, 1, '\b', '\f', '\n', '\r', '\t', '"', '\\', '/', '<', 0x7f, 0x80, 0x2028, 0x2029, 0xFFFD, 0x10FFFF})))

var textMaps = rapid.MapOfN(texts, texts, 1, 25)

// events draws events with any valid text in them and sound amounts.
func events(text *rapid.Generator[string], textMap *rapid.Generator[map[string]string]) *rapid.Generator[account.Event] {
	return rapid.Custom(func(t *rapid.T) account.Event {
		var (
			id       = uuid.UUID(rapid.SliceOfN(rapid.ByteRange(1, 255), 16, 16).Draw(t, "id"))
			amount   = money.Amount(rapid.Int64Range(1, int64(money.MaxAmount)).Draw(t, "amount"))
			balance  = money.Amount(rapid.Int64Range(-int64(money.MaxAmount), int64(money.MaxAmount)).Draw(t, "balance"))
			currency = rapid.SampledFrom(money.Currencies()).Draw(t, "currency")
			a, b, c  = text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c")
			about    map[string]string
		)
		if rapid.Bool().Draw(t, "with metadata") {
			about = textMap.Draw(t, "metadata")
		}
		return rapid.SampledFrom([]account.Event{
			account.Opened{AccountID: id, OwnerID: "o" + a, OwnerName: b, Currency: currency, OverdraftLimit: amount, Metadata: about},
			account.Deposited{TransactionID: id, Amount: amount, Currency: currency, Source: "s" + a, Reference: b, Metadata: about, BalanceAfter: balance, HeldAfter: amount},
			account.Withdrawn{TransactionID: id, Amount: amount, Currency: currency, Channel: a, Reference: b, Metadata: about, BalanceAfter: balance},
			account.FeeCharged{TransactionID: id, Amount: amount, Currency: currency, Reason: a, Reference: b, Metadata: about, BalanceAfter: balance},
			account.InterestCredited{TransactionID: id, Amount: amount, Currency: currency, Rate: a, Period: b, Reference: c, Metadata: about, BalanceAfter: balance},
			account.InterestDebited{TransactionID: id, Amount: amount, Currency: currency, Rate: a, Period: b, Reference: c, Metadata: about, BalanceAfter: balance},
			account.Frozen{Reason: a, Scope: account.FreezeDebit}, account.Unfrozen{Reason: a}, account.Closed{Reason: a}, account.Reopened{Reason: a},
			account.TermsChanged{}, account.TermsChanged{OverdraftLimit: &amount, OwnerName: &a, Metadata: &map[string]string{a: b}},
			account.TermsChanged{Limits: &account.Limits{PerDay: amount}},
			account.TransferSent{TransactionID: id, CounterpartyID: id, Amount: amount, Currency: currency, Reference: a, Metadata: about, BalanceAfter: balance},
			account.TransferReceived{TransactionID: id, CounterpartyID: id, Amount: amount, Currency: currency, Reference: a, Metadata: about, BalanceAfter: balance},
			account.HoldPlaced{HoldID: id, PaymentID: id, Amount: amount, Currency: currency, Reference: a, Metadata: about, BalanceAfter: balance, HeldAfter: amount},
			account.HoldPlaced{HoldID: id, Amount: amount, Currency: currency, ExpiresAt: sampleTime, Metadata: about, BalanceAfter: balance},
			account.HoldCaptured{TransactionID: id, HoldID: id, PaymentID: id, Amount: amount, Currency: currency, Remaining: amount, Reference: a, Metadata: about, BalanceAfter: balance},
			account.HoldCaptured{TransactionID: id, HoldID: id, Amount: amount, Currency: currency, Released: amount, Metadata: about, BalanceAfter: balance},
			account.HoldReleased{HoldID: id, PaymentID: id, Amount: amount, Currency: currency, Reason: a, BalanceAfter: balance}, account.HoldReleased{HoldID: id, Amount: amount, Currency: currency, BalanceAfter: balance},
			account.HoldExtended{HoldID: id, ExpiresAt: sampleTime}, account.HoldExpired{HoldID: id, Amount: amount, Currency: currency, BalanceAfter: balance},
			account.ReversalPosted{TransactionID: id, Reverses: id, Direction: account.Debit, CounterpartyID: id, Amount: amount, Currency: currency, Reason: a, Metadata: about, BalanceAfter: balance},
			account.ReversalPosted{TransactionID: id, Reverses: id, Direction: account.Credit, Amount: amount, Currency: currency, BalanceAfter: balance},
		}).Draw(t, "event")
	})
}

func TestEncodeAndDecodeAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := events(texts, textMaps).Draw(t, "event")
		typ, schema, data := account.Encode(e)
		got, err := account.Decode(typ, schema, data)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("%+v\nis encoded as %s\nand decoded as %+v, %v", e, data, got, err)
		}
	})
}

// The encoder written by hand writes what encoding/json writes, for texts that are not UTF-8 as well.
func TestEncodeWritesWhatTheStandardEncoderWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := events(rapid.OneOf(texts, anyText), textMaps).Draw(t, "event")
		_, _, data := account.Encode(e)
		var want bytes.Buffer
		standard := json.NewEncoder(&want)
		standard.SetEscapeHTML(false)
		if err := standard.Encode(e); err != nil {
			t.Fatal(err)
		}
		if got := string(data) + "\n"; got != want.String() {
			t.Fatalf("got  %swant %s", got, want.String())
		}
	})
}

func TestDecodeOfWhatIsUnknown(t *testing.T) {
	t.Parallel()
	for _, known := range account.Types() {
		for _, schema := range []int{known.Schema + 1, 0, -1} {
			if e, err := account.Decode(known.Name, schema, []byte(`{}`)); !errors.Is(err, account.ErrUnknownEvent) || e != nil {
				t.Errorf("%s schema %d: got %v, %v", known.Name, schema, e, err)
			}
		}
	}
	for _, name := range []string{"", "Deposited", "money.deposited ", "account.Opened", strings.Repeat("x", 1<<20)} {
		if e, err := account.Decode(name, 1, []byte(`{}`)); !errors.Is(err, account.ErrUnknownEvent) || e != nil || len(err.Error()) > 200 {
			t.Errorf("%.80q: got %v, %.300v", name, e, err)
		}
	}
}

// A required field that is missing, and a value that no such event can have, are faults and not zeros.
func TestDecodeOfWhatIsFaulty(t *testing.T) {
	t.Parallel()
	const (
		id     = `"transaction_id":"0198c0de-cafe-7000-8000-000000000002"`
		after  = `"balance_after":5,"held_after":0`
		opened = `"account_id":"0198c0de-cafe-7000-8000-000000000001"`
	)
	money := func(fields string) []string {
		return []string{
			`{"amount":5,"currency":"EUR",` + fields + after + `}`,
			`{"transaction_id":"00000000-0000-0000-0000-000000000000","amount":5,"currency":"EUR",` + fields + after + `}`,
			`{"transaction_id":"0198c0de_cafe_7000_8000_000000000002","amount":5,"currency":"EUR",` + fields + after + `}`,
			`{"transaction_id":"0198c0d-ecafe-7000-8000-000000000002","amount":5,"currency":"EUR",` + fields + after + `}`,
			`{"transaction_id":"0198c0de-cafe-7000-8000-0000000000--","amount":5,"currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"amount":0,"currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"amount":05,"currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"amount":+5,"currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"amount":5.0,"currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"amount":"5","currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"amount":9007199254740992,"currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"amount":99999999999999999999,"currency":"EUR",` + fields + after + `}`,
			`{` + id + `,"amount":5,` + fields + after + `}`,
			`{` + id + `,"amount":5,"currency":"",` + fields + after + `}`,
			`{` + id + `,"amount":5,"currency":"eur",` + fields + after + `}`,
			`{` + id + `,"amount":5,"currency":"EUR",` + fields + `"held_after":0}`,
			`{` + id + `,"amount":5,"currency":"EUR",` + fields + `"balance_after":5}`,
			`{` + id + `,"amount":5,"currency":"EUR",` + fields + `"balance_after":9007199254740992,"held_after":0}`,
			`{` + id + `,"amount":5,"currency":"EUR",` + fields + `"balance_after":5,"held_after":-1}`,
			`{` + id + `,"amount":5,"currency":"EUR",` + fields + after,
			`{` + id + `,"amount":5,"currency":"EUR",` + fields + after + `}}`,
			`{` + id + `,"amount":5,"currency":"EUR","reference":5,` + fields + after + `}`,
			`{` + id + `,"amount":5,"currency":"EUR","metadata":{"k":5},` + fields + after + `}`,
			`{` + id + `,"amount":5,"currency":"EUR","metadata":{"k":"v"` + after + `}`,
		}
	}
	negative := `{` + id + `,"amount":-5,"currency":"EUR",` + after + `}`
	tests := map[string][]string{
		account.TypeOpened: {
			`{"owner_id":"o","owner_name":"","currency":"EUR","overdraft_limit":0}`,
			`{` + opened + `,"owner_name":"","currency":"EUR","overdraft_limit":0}`,
			`{` + opened + `,"owner_id":"o","owner_name":"","overdraft_limit":0}`,
			`{` + opened + `,"owner_id":"o","owner_name":"","currency":"EUR"}`,
			`{` + opened + `,"owner_id":"o","owner_name":"","currency":"EUR","overdraft_limit":-1}`,
		},
		account.TypeDeposited:        append(money(`"source":"s",`), negative, `{`+id+`,"amount":5,"currency":"EUR",`+after+`}`, `{`+id+`,"amount":5,"currency":"EUR","source":"",`+after+`}`),
		account.TypeWithdrawn:        append(money(``), negative),
		account.TypeFeeCharged:       append(money(`"reason":"r",`), negative),
		account.TypeInterestCredited: append(money(``), negative),
		account.TypeInterestDebited:  append(money(``), negative),
		account.TypeFrozen:           {`{}`, `{"reason":"r"}`, `{"reason":"r","scope":""}`, `{"reason":"r","scope":"credit"}`},
		account.TypeUnfrozen:         {`{"reason":5}`},
		account.TypeClosed:           {`{"reason":5}`},
		account.TypeReopened:         {`{"reason":5}`},
		account.TypeTermsChanged:     {`{"overdraft_limit":-1}`, `{"overdraft_limit":9007199254740992}`, `{"owner_name":5}`, `{"metadata":[]}`},
	}
	for _, known := range account.Types() {
		faulty := append(tests[known.Name], ``, ` `, `null`, `[]`, `5`, `"text"`, `{`, `{}x`, "{\x00}")
		for _, data := range faulty {
			if e, err := account.Decode(known.Name, known.Schema, []byte(data)); err == nil || e != nil {
				t.Errorf("%s %s: got %+v, %v", known.Name, data, e, err)
			}
		}
	}
}

// Stored bytes in another layout, with fields that nobody knows, are read all the same.
func TestDecodeOfOtherLayouts(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		typ, schema, data := account.Encode(s.Event)
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(data, &fields); err != nil {
			t.Fatal(err)
		}
		fields["of_tomorrow"] = json.RawMessage(`{"a":[1]}`)
		sorted, err := json.MarshalIndent(fields, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := account.Decode(typ, schema, sorted); err != nil || !reflect.DeepEqual(got, s.Event) {
			t.Errorf("%s\nis read as %+v, %v", sorted, got, err)
		}
	}
}

// What is decoded may be kept when the buffer it was read into is used again.
func TestDecodeKeepsNothingOfTheBuffer(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		typ, schema, data := account.Encode(s.Event)
		got, err := account.Decode(typ, schema, data)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			data[i] = 'x'
		}
		if !reflect.DeepEqual(got, s.Event) {
			t.Errorf("%s became %+v", typ, got)
		}
	}
}

// Whatever bytes there are, Decode answers; and what it takes for an event is one that can be stored and read again.
func FuzzDecode(f *testing.F) {
	for i, known := range account.Types() {
		f.Add(i, []byte(`{}`))
		for _, s := range samples {
			if typ, _, data := account.Encode(s.Event); typ == known.Name {
				f.Add(i, data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		known := account.Types()[uint(i)%uint(len(account.Types()))]
		e, err := account.Decode(known.Name, known.Schema, data)
		if err != nil {
			return
		}
		typ, schema, again := account.Encode(e)
		if typ != known.Name || schema != known.Schema || !json.Valid(again) || !utf8.Valid(again) {
			t.Fatalf("%s is encoded as %s schema %d: %s", data, typ, schema, again)
		}
		if _, err := account.Decode(typ, schema, again); err != nil {
			t.Fatalf("%s is encoded as %s: %v", data, again, err)
		}
		account.Evolve(account.State{}, e, noon)
	})
}
