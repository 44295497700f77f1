package forward

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
)

// The sets of commands, one of each.
var (
	onAccounts = []account.Command{
		account.Open{}, account.Deposit{}, account.Withdraw{}, account.ChargeFee{}, account.PostInterest{}, account.Freeze{},
		account.Unfreeze{}, account.Close{}, account.Reopen{}, account.ChangeSettings{}, account.SendTransfer{}, account.ReceiveTransfer{},
		account.PlaceHold{}, account.CaptureHold{}, account.ReleaseHold{}, account.ExtendHold{}, account.ExpireHolds{}, account.PostReversal{},
	}
	onPayments = []payment.Command{
		payment.Request{}, payment.Submit{}, payment.Settle{}, payment.Reject{}, payment.TimeOut{}, payment.Cancel{}, payment.Push{}, payment.MarkStuck{},
	}
	onApprovals = []approval.Command{approval.Request{}, approval.Approve{}, approval.Reject{}, approval.Expire{}}
)

// all returns a command of each sort and kind, as value makes it from an empty one.
func all(value func(any) any) []bank.Command {
	commands := []bank.Command{value(bank.Transfer{}).(bank.Command), value(bank.Reverse{}).(bank.Command)}
	for _, c := range onAccounts {
		commands = append(commands, bank.OnAccount{AccountID: uuid.New(), Command: value(c).(account.Command)})
	}
	for _, c := range onPayments {
		commands = append(commands, bank.OnPayment{PaymentID: uuid.New(), AccountID: uuid.New(), Command: value(c).(payment.Command)})
	}
	for _, c := range onApprovals {
		commands = append(commands, bank.OnApproval{ApprovalID: uuid.New(), Original: value(bank.Reverse{}).(bank.Command), OwnedBy: "ada", Command: value(c).(approval.Command)})
	}
	return commands
}

// commands is one of each, every field set.
var commands = all(func(c any) any {
	filled := reflect.New(reflect.TypeOf(c)).Elem()
	fill(filled)
	return filled.Interface()
})

// fill sets whatever there is, so that a field that does not travel is missed.
func fill(v reflect.Value) {
	switch set := v.Addr().Interface().(type) {
	case *uuid.UUID:
		*set = uuid.New()
		return
	case *time.Time:
		*set = time.Date(2026, 11, 21, 1, 2, 3, 4, time.UTC)
		return
	case *money.Currency:
		*set = money.MustCurrency("KWD")
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		v.SetBytes([]byte(`{"a":"ä"}`))
	case reflect.String:
		v.SetString("ä " + uuid.NewString())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(-1234567890123)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a": "1", "": "2"}))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
		panic("a field of a kind that this test does not know: " + v.Type().String())
	}
}

func travel(t *testing.T, c bank.Command) bank.Command {
	t.Helper()
	w := writer{}
	w.command(c)
	r := newReader(w.buffer)
	got := r.command()
	if r.err != nil || r.more() {
		t.Errorf("%T: %v, and %d bytes are left", c, r.err, len(w.buffer)-r.at)
	}
	return got
}

func TestEveryCommandTravels(t *testing.T) {
	t.Parallel()
	for _, c := range commands {
		if got := travel(t, c); !reflect.DeepEqual(got, c) {
			t.Errorf("sent %#v, arrived %#v", c, got)
		}
	}
	for _, empty := range all(func(c any) any { return c }) {
		if got := travel(t, empty); !reflect.DeepEqual(got, empty) {
			t.Errorf("sent %#v, arrived %#v", empty, got)
		}
	}
	cleared := bank.OnAccount{Command: account.ChangeSettings{Metadata: &map[string]string{}}}
	if got := travel(t, cleared); !reflect.DeepEqual(got, cleared) {
		t.Errorf("sent %#v, arrived %#v", cleared, got)
	}
}

// The set is closed, but the compiler does not know it.
func TestNoCommandIsMissing(t *testing.T) {
	t.Parallel()
	known := map[string]map[string]bool{"account": {}, "payment": {}, "approval": {}, "bank": {}}
	for _, c := range commands {
		known["bank"][reflect.TypeOf(c).Name()] = true
		switch c := c.(type) {
		case bank.OnAccount:
			known["account"][reflect.TypeOf(c.Command).Name()] = true
		case bank.OnPayment:
			known["payment"][reflect.TypeOf(c.Command).Name()] = true
		case bank.OnApproval:
			known["approval"][reflect.TypeOf(c.Command).Name()] = true
		}
	}
	for set, names := range known {
		declared := declaredCommands(t, set)
		if len(declared) < 4 {
			t.Fatalf("only %v found: this test has lost its subject", declared)
		}
		if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, declared) {
			t.Errorf("travelling are %v, commands are %v", got, declared)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("what is no command did not panic")
		}
	}()
	(&writer{}).command(nil)
}

func declaredCommands(t *testing.T, set string) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../../domain/" + set + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "isCommand" {
				names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// Whatever arrives is read or refused; nothing panics, and no length is believed.
func TestGarbageIsRefused(t *testing.T) {
	t.Parallel()
	whole := writer{}
	for _, c := range commands {
		whole.command(c)
	}
	rapid.Check(t, func(t *rapid.T) {
		message := slices.Clone(whole.buffer)
		if rapid.Bool().Draw(t, "noise") {
			message = rapid.SliceOf(rapid.Byte()).Draw(t, "message")
		} else {
			message[rapid.IntRange(0, len(message)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			message = message[:rapid.IntRange(0, len(message)).Draw(t, "length")]
		}
		for r := newReader(message); r.more(); {
			r.command()
		}
		for r := newReader(message); r.more(); {
			_, _ = r.outcome()
		}
		_, _ = readCommands(message, 1)
		_, _ = decodeNote(message)
	})
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Unix(0, 0).UTC(), time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(9999, 1, 2, 3, 4, 5, 6, time.UTC)} {
		w := writer{}
		w.time(at)
		r := newReader(w.buffer)
		if got := r.time(); got != at || r.err != nil || r.more() {
			t.Errorf("sent %v, arrived %v, %v", at, got, r.err)
		}
	}
}

func TestUnknownKindsAreRefused(t *testing.T) {
	t.Parallel()
	if r := newReader([]byte{200}); r.command() != nil || r.err == nil || !strings.Contains(r.err.Error(), "200") {
		t.Errorf("a command of newer code: %v", r.err)
	}
	newer := note{secret: newSecret(), subject: "there"}.encode()
	newer[0]++
	if _, err := decodeNote(newer); err == nil {
		t.Error("a decider of another format is taken on")
	}
	if n, err := decodeNote(note{secret: newSecret(), subject: "there"}.encode()); err != nil || n.subject != "there" {
		t.Errorf("a note: %+v, %v", n, err)
	}
	if _, err := decodeNote(note{secret: []byte("short"), subject: "there"}.encode()); err == nil {
		t.Error("a short secret is taken")
	}
}

// A message cannot nest approvals, which would be read by a call for each.
func TestAnApprovalOfAnApprovalDoesNotArrive(t *testing.T) {
	t.Parallel()
	w := writer{}
	inner := bank.OnApproval{ApprovalID: uuid.New(), Original: bank.Transfer{}, Command: approval.Expire{}}
	w.command(bank.OnApproval{ApprovalID: uuid.New(), Original: inner, Command: approval.Expire{}})
	if r := newReader(w.buffer); r.command() != nil || r.err == nil {
		t.Errorf("it is read: %v", r.err)
	}
}
