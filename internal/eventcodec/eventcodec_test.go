package eventcodec_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
	"passbook/domain/reversal"
	"passbook/eventstore"
	"passbook/internal/eventcodec"
)

func newCodec(t testing.TB) *eventcodec.Codec {
	t.Helper()
	codec, err := eventcodec.New()
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// goldenName is TYPE.vSCHEMA.VARIANT.json.
var goldenName = regexp.MustCompile(`^(.+)\.v(\d+)\.([a-z]+)\.json$`)

func golden(t testing.TB) map[string]eventstore.Event {
	t.Helper()
	files, err := filepath.Glob("../../domain/*/testdata/events/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	events := map[string]eventstore.Event{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := goldenName.FindStringSubmatch(filepath.Base(file))
		if name == nil {
			t.Fatalf("%s is not named TYPE.vSCHEMA.VARIANT.json", file)
		}
		schema, err := strconv.Atoi(name[2])
		if err != nil {
			t.Fatal(err)
		}
		stream := map[string]string{"account": account.StreamType, "payment": payment.StreamType, "reversal": reversal.StreamType, "approval": approval.StreamType}[strings.Split(file, "/")[3]]
		events[filepath.Base(file)] = eventstore.Event{Position: 7, StreamType: stream, Version: 3, Type: name[1], Schema: schema, Data: bytes.TrimSuffix(data, []byte("\n"))}
	}
	return events
}

var (
	eur   = money.MustCurrency("EUR")
	texts = map[string]string{"branch": "7", "añadido": "\"é\" \\ / <&> \u2028 😀", "empty": ""}
)

func sampleID(n byte) uuid.UUID {
	return uuid.MustParse("0198c0de-cafe-7000-8000-0000000000" + string("0123456789abcdef"[n>>4]) + string("0123456789abcdef"[n&15]))
}

// What the old golden files say, in the words of today.
var oldGolden = map[string]account.Event{
	"money.deposited.v1.full.json":    account.Deposited{TransactionID: sampleID(2), Amount: 12_550, Currency: eur, Source: "cash", Reference: "slip 4711\n", Metadata: texts, BalanceAfter: 12_550, HeldAfter: 1},
	"money.deposited.v1.minimal.json": account.Deposited{TransactionID: sampleID(2), Amount: money.MaxAmount, Currency: eur, Source: "unspecified", BalanceAfter: money.MaxAmount},
	"interest.posted.v1.full.json":    account.InterestCredited{TransactionID: sampleID(5), Amount: 25, Currency: eur, Rate: "2.5 %", Period: "2026-01", Reference: "r", Metadata: texts, BalanceAfter: 10_025, HeldAfter: 4},
	"interest.posted.v1.penalty.json": account.InterestDebited{TransactionID: sampleID(5), Amount: 25, Currency: eur, Rate: "9 %", BalanceAfter: -25},
	"interest.posted.v1.minimal.json": account.InterestCredited{TransactionID: sampleID(5), Amount: 1, Currency: eur, BalanceAfter: 1},

	"account.settings_changed.v1.full.json":     account.TermsChanged{OverdraftLimit: new(money.Amount(5)), OwnerName: new("Bob"), Metadata: &texts},
	"account.settings_changed.v1.limit.json":    account.TermsChanged{OverdraftLimit: new(money.Amount(0))},
	"account.settings_changed.v1.name.json":     account.TermsChanged{OwnerName: new("")},
	"account.settings_changed.v1.cleared.json":  account.TermsChanged{Metadata: &map[string]string{}},
	"account.settings_changed.v1.limits.json":   account.TermsChanged{Limits: &account.Limits{PerTransaction: 1, PerDay: 20, PerMonth: 300}},
	"account.settings_changed.v1.nolimits.json": account.TermsChanged{Limits: &account.Limits{}},
}

// Each golden file of an old shape is read as what it says, and brought to the bytes that would be written of it today: the fast
// readers take those. Those of current shapes come back as they are.
func TestGoldenFilesOfAllShapes(t *testing.T) {
	t.Parallel()
	codec, seen := newCodec(t), map[eventstore.Shape]bool{}
	for name, stored := range golden(t) {
		shape := eventstore.Shape{Type: stored.Type, Schema: stored.Schema}
		seen[shape] = true
		got, err := codec.Payload(stored)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		kind, schema, data := bank.Encode(got)
		upcast, err := codec.Upcasters().Upcast(stored)
		if err != nil || upcast.Type != kind || upcast.Schema != schema || !bytes.Equal(upcast.Data, data) {
			t.Errorf("%s: upcast to %s/%d %s, %v; today it would be written as %s/%d %s", name, upcast.Type, upcast.Schema, upcast.Data, err, kind, schema, data)
		}
		want, old := oldGolden[name]
		if old && !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, want %+v", name, got, want)
		}
		if old == codec.Upcasters().Current(shape) {
			t.Errorf("%s: whether it is old is not agreed upon", name)
		}
	}
	for _, shape := range codec.Upcasters().Shapes() {
		if !seen[shape] {
			t.Errorf("there is no golden file of %s", shape)
		}
	}
}

// What was once stored is read for ever: no line is ever taken out of this list.
func TestEveryShapeEverStoredIsRead(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, shape := range newCodec(t).Upcasters().Shapes() {
		known[shape.String()] = true
	}
	ever := strings.Fields(`
		account.opened/1 money.deposited/1 money.deposited/2 money.withdrawn/1 fee.charged/1 interest.posted/1 interest.credited/1 interest.debited/1
		account.frozen/1 account.unfrozen/1 account.closed/1 account.reopened/1 account.settings_changed/1 account.terms_changed/1
		payment.requested/1 payment.submitted/1 payment.settled/1 payment.rejected/1 payment.timed_out/1 payment.cancelled/1 payment.pushed/1 payment.stuck/1
		payment.answer_contradicted/1 transaction.reversed/1 approval.requested/1 approval.approved/1 approval.rejected/1 approval.expired/1
		transfer.sent/1 transfer.received/1 hold.placed/1 hold.captured/1 hold.released/1 hold.extended/1 hold.expired/1 reversal.posted/1`)
	for _, shape := range ever {
		if !known[shape] {
			t.Errorf("%s was stored once and is not read any more", shape)
		}
		delete(known, shape)
	}
	for shape := range known {
		t.Errorf("%s is read: put it into the list", shape)
	}
}

const (
	head = `{"transaction_id":"0198c0de-cafe-7000-8000-000000000002","amount":5,"currency":"EUR"`
	tail = `,"balance_after":5,"held_after":0}`
	owed = `{"transaction_id":"0198c0de-cafe-7000-8000-000000000002","amount":-5,"currency":"EUR"`
)

func TestUpcasts(t *testing.T) {
	t.Parallel()
	upcasters := newCodec(t).Upcasters()
	for name, c := range map[string]struct{ from, data, to, want string }{
		"a deposit without a source":           {"money.deposited", head + tail, "money.deposited/2", head + `,"source":"unspecified"` + tail},
		"with a source":                        {"money.deposited", head + `,"source":"cash"` + tail, "money.deposited/2", head + `,"source":"cash"` + tail},
		"with an escaped source":               {"money.deposited", head + `,"source":"\"s"` + tail, "money.deposited/2", head + `,"source":"\"s"` + tail},
		"with an empty source":                 {"money.deposited", head + `,"source":""` + tail, "money.deposited/2", head + `,"source":"unspecified"` + tail},
		"with a null source":                   {"money.deposited", head + `,"source":null` + tail, "money.deposited/2", head + `,"source":"unspecified"` + tail},
		"with a reference":                     {"money.deposited", head + `,"reference":"r"` + tail, "money.deposited/2", head + `,"source":"unspecified","reference":"r"` + tail},
		"with a reference that says source":    {"money.deposited", head + `,"reference":"\"source\":"` + tail, "money.deposited/2", head + `,"source":"unspecified","reference":"\"source\":"` + tail},
		"with metadata that has a source":      {"money.deposited", head + `,"metadata":{"source":"x"}` + tail, "money.deposited/2", head + `,"source":"unspecified","metadata":{"source":"x"}` + tail},
		"with the source in another place":     {"money.deposited", head + `,"reference":"r","source":"s"` + tail, "money.deposited/2", head + `,"reference":"r","source":"s"` + tail},
		"with blanks":                          {"money.deposited", `{"amount": 5, "currency": "EUR", "balance_after": 5}`, "money.deposited/2", `{"amount":5,"currency":"EUR","source":"unspecified","balance_after":5}`},
		"with a member that nobody knows":      {"money.deposited", `{"amount":5,"currency":"EUR","x":{"y":[1, 2]}}`, "money.deposited/2", `{"amount":5,"currency":"EUR","source":"unspecified","x":{"y":[1, 2]}}`},
		"interest":                             {"interest.posted", head + `,"rate":"-1"` + tail, "interest.credited/1", head + `,"rate":"-1"` + tail},
		"penalty interest":                     {"interest.posted", owed + `,"rate":"-1"` + tail, "interest.debited/1", head + `,"rate":"-1"` + tail},
		"interest in another order":            {"interest.posted", `{"amount": 5, "rate": "-1"}`, "interest.credited/1", `{"amount":5,"rate":"-1"}`},
		"penalty interest in another order":    {"interest.posted", `{"rate": "2", "amount": -5}`, "interest.debited/1", `{"rate":"2","amount":5}`},
		"the amount that stands last is meant": {"interest.posted", `{"amount": 5, "amount": -7}`, "interest.debited/1", `{"amount":5,"amount":7}`},
		"settings":                             {"account.settings_changed", `{"overdraft_limit": 5}`, "account.terms_changed/1", `{"overdraft_limit": 5}`},
	} {
		stored := eventstore.Event{Position: 7, Type: c.from, Schema: 1, Data: []byte(c.data)}
		got, err := upcasters.Upcast(stored)
		if shape := (eventstore.Shape{Type: got.Type, Schema: got.Schema}); err != nil || shape.String() != c.to || string(got.Data) != c.want {
			t.Errorf("%s: got %s %s, %v\nwant %s %s", name, shape, got.Data, err, c.to, c.want)
		}
		if string(stored.Data) != c.data {
			t.Errorf("%s: the stored bytes were changed", name)
		}
	}
}

func TestPayloadsThatCannotBeUpcast(t *testing.T) {
	t.Parallel()
	codec := newCodec(t)
	for name, c := range map[string]struct{ from, data, want string }{
		"a deposit of a writer without currencies": {"money.deposited", `{"transaction_id":"0198c0de-cafe-7000-8000-000000000002","amount":5,"balance_after":5,"held_after":0}`, "currency is missing"},
		"with a null currency":                     {"money.deposited", `{"amount":5,"currency":null}`, "currency is missing"},
		"with an empty currency":                   {"money.deposited", `{"amount":5,"currency":""}`, "currency is missing"},
		"with a currency that is none":             {"money.deposited", strings.Replace(head, "EUR", "EU1", 1) + tail, "EU1"},
		"a deposit that is cut off":                {"money.deposited", head, ""},
		"with something behind it":                 {"money.deposited", `{"amount":5,"currency":"EUR"}{}`, "something follows"},
		"interest without an amount":               {"interest.posted", `{"rate":"2"}`, "amount is missing"},
		"with a null amount":                       {"interest.posted", `{"amount":null}`, "amount is missing"},
		"interest of nothing":                      {"interest.posted", strings.Replace(head, ":5,", ":0,", 1) + tail, "the amount is zero"},
		"interest of minus nothing":                {"interest.posted", strings.Replace(head, ":5,", ":-0,", 1) + tail, "the amount is zero"},
		"interest of nothing, written oddly":       {"interest.posted", strings.Replace(head, ":5,", ":-0.0e5,", 1) + tail, "the amount is zero"},
		"interest of a fraction":                   {"interest.posted", strings.Replace(head, ":5,", ":-5.5,", 1) + tail, ""},
		"interest in words":                        {"interest.posted", strings.Replace(head, ":5,", `:"-5",`, 1) + tail, ""},
		"no object":                                {"interest.posted", `null`, "not a JSON object"},
		"nothing":                                  {"interest.posted", ``, "not a JSON object"},
		"settings that are none":                   {"account.settings_changed", `[]`, "not a JSON object"},
	} {
		e, err := codec.Decode(eventstore.Event{Position: 4711, StreamType: account.StreamType, Type: c.from, Schema: 1, Data: []byte(c.data)})
		if err == nil || e != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "event 4711") {
			t.Errorf("%s: got %+v, %v; want an error that says %q", name, e, err, c.want)
		}
	}
	for name, schema := range map[string]int{"money.deposited": 3, "interest.posted": 2, "account.settings_changed": 2, "money.minted": 1} {
		if _, err := codec.Decode(eventstore.Event{StreamType: account.StreamType, Type: name, Schema: schema, Data: []byte(`{}`)}); !errors.Is(err, eventstore.ErrUnknownShape) {
			t.Errorf("%s/%d: %v", name, schema, err)
		}
	}
}

func TestStoredTypes(t *testing.T) {
	t.Parallel()
	for want, types := range map[string][]string{
		"account.opened account.settings_changed account.terms_changed": {account.TypeOpened, account.TypeTermsChanged},
		"interest.debited interest.posted":                              {account.TypeInterestDebited},
		"money.deposited":                                               {account.TypeDeposited},
	} {
		if got := eventcodec.StoredTypes(types...); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%v are stored as %v, want %s", types, got, want)
		}
	}
}

// What a step does to bytes in the known layout, it does to the same members in any other: each byte of good payloads is replaced by
// each of those that mean something in JSON, and both ways agree on what is read, or on that nothing is. A blank in front leads
// to the other way.
func TestStepsAgreeOnEveryLayout(t *testing.T) {
	t.Parallel()
	codec := newCodec(t)
	read := func(kind string, data []byte) account.Event {
		e, err := codec.Decode(eventstore.Event{StreamType: account.StreamType, Type: kind, Schema: 1, Data: data})
		if err != nil {
			return nil
		}
		return e
	}
	for kind, payloads := range map[string][]string{
		"money.deposited": {head + tail, head + `,"source":"s","reference":"r"` + tail, head + `,"reference":"source"` + tail},
		"interest.posted": {head + `,"rate":"1"` + tail, owed + tail, strings.Replace(owed, "-5", "-51", 1) + tail},
	} {
		for _, payload := range payloads {
			for at := range len(payload) {
				for _, b := range []byte("\"\\{}[]:,+-.eE019aA \n\x00\xff") {
					mutant := []byte(payload)
					mutant[at] = b
					one, other := read(kind, mutant), read(kind, append([]byte{' '}, mutant...))
					if !reflect.DeepEqual(one, other) {
						t.Errorf("%s %s is read as %+v and as %+v", kind, mutant, one, other)
					}
				}
			}
			for length := range len(payload) {
				if e := read(kind, []byte(payload[:length])); e != nil {
					t.Errorf("%s %s is read as %+v", kind, payload[:length], e)
				}
			}
		}
	}
}
