package bank_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/payment"
)

var update = flag.Bool("update", false, "write the golden files that are missing")

func sampleID(n byte) uuid.UUID {
	return uuid.UUID{0x01, 0x98, 0xC0, 0xDE, 0xCA, 0xFE, 0x70, 0x00, 0x80, 0, 0, 0, 0, 0, 0, n}
}

// waiting has every command that can wait for an approval, with all that it can hold and with as little.
var waiting = map[string]bank.Command{
	"deposit.full":    on(sampleID(1), account.Deposit{TransactionID: sampleID(2), Money: sum(7), Source: "cash", Reference: "é <&>", Metadata: map[string]string{"b": "2", "a": "1"}}),
	"deposit.minimal": on(sampleID(1), account.Deposit{TransactionID: sampleID(2), Money: sum(7)}),
	"withdrawal.full": on(sampleID(1), account.Withdraw{TransactionID: sampleID(2), Money: sum(7), Channel: "atm", Reference: "r", Metadata: map[string]string{"a": "1"}}),
	"fee.full":        on(sampleID(1), account.ChargeFee{TransactionID: sampleID(2), Money: sum(7), Reason: "late", Reference: "r", Metadata: map[string]string{"a": "1"}}),
	"interest.full":   on(sampleID(1), account.PostInterest{TransactionID: sampleID(2), Money: sum(-7), Rate: "9 %", Period: "2026-01", Reference: "r", Metadata: map[string]string{"a": "1"}}),
	"capture.full":    on(sampleID(1), account.CaptureHold{TransactionID: sampleID(2), HoldID: sampleID(3), Amount: new(money.Amount(7)), Final: true, Reference: "r", Metadata: map[string]string{"a": "1"}}),
	"capture.minimal": on(sampleID(1), account.CaptureHold{TransactionID: sampleID(2), HoldID: sampleID(3)}),
	"transfer.full":   bank.Transfer{TransactionID: sampleID(2), SourceID: sampleID(1), TargetID: sampleID(4), Money: sum(7), Reference: "r", Metadata: map[string]string{"a": "1"}},
	"reversal.full": bank.Reverse{ReversalID: sampleID(2), Amount: new(money.Amount(7)), Reason: "twice", Metadata: map[string]string{"a": "1"}, Original: bank.Original{
		TransactionID: sampleID(5), AccountID: sampleID(1), CounterpartyID: sampleID(4), Direction: account.Debit, Money: sum(8), Irreversible: true}},
	"reversal.minimal": bank.Reverse{ReversalID: sampleID(2), Reason: "twice", Original: bank.Original{
		TransactionID: sampleID(5), AccountID: sampleID(1), Direction: account.Credit, Money: sum(8)}},
	"payment.full": bank.OnPayment{PaymentID: sampleID(6), AccountID: sampleID(1), Command: payment.Request{PaymentID: sampleID(6), AccountID: sampleID(1), HoldID: sampleID(3), Money: sum(7),
		Creditor: payment.Creditor{Name: "Bob", Account: "DE02120300000000202051", Agent: "COBADEFFXXX"}, Reference: "r", Metadata: map[string]string{"a": "1"},
		Deadline: time.Date(2026, 11, 22, 1, 2, 3, 4000, time.UTC)}},
	"payment.minimal": bank.OnPayment{PaymentID: sampleID(6), AccountID: sampleID(1), Command: payment.Request{PaymentID: sampleID(6), AccountID: sampleID(1), HoldID: sampleID(3), Money: sum(7),
		Creditor: payment.Creditor{Name: "Bob", Account: "1"}}},
}

// The bytes of commands that wait are facts, as those of events are, in which they stand.
func TestCommandsThatWaitKeepTheirBytes(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for name, c := range waiting {
		kind, data := bank.EncodeCommand(c)
		kinds[kind] = true
		path := filepath.Join("testdata/waiting", name+".json")
		golden, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && *update {
			golden = append(bytes.Clone(data), '\n')
			err = os.WriteFile(path, golden, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		golden = bytes.TrimSuffix(golden, []byte("\n"))
		if !bytes.Equal(data, golden) {
			t.Errorf("%s is written as\n%s\nbut stored are\n%s", name, data, golden)
		}
		if got, err := bank.DecodeCommand(kind, golden); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s is read as %+v, %v; want %+v", name, got, err, c)
		}
	}
	files, err := filepath.Glob("testdata/waiting/*")
	if err != nil || len(files) != len(waiting) || len(kinds) != len(bank.Kinds()) {
		t.Errorf("%d files for %d samples of %d kinds, %v", len(files), len(waiting), len(kinds), err)
	}
	for _, kind := range append(bank.Kinds(), "gift") {
		for _, faulty := range []string{``, `[]`, `{"amount":"x"}`, `{"amount":1.5}`} {
			if c, err := bank.DecodeCommand(kind, []byte(faulty)); err == nil {
				t.Errorf("%s %s is read as %+v", kind, faulty, c)
			}
		}
	}
	if c, err := bank.DecodeCommand("gift", []byte(`{"amount":1}`)); err == nil {
		t.Errorf("a gift is read as %+v", c)
	}
}

// What of a command counts against the threshold: what it moves, whether it says so or not.
func TestMoves(t *testing.T) {
	t.Parallel()
	w := given(t, append(append(opens(alice, 1_000), opens(bob, 0)...), move(1, alice, bob, 100),
		on(alice, account.PlaceHold{HoldID: theHold, Money: sum(300), ExpiresAt: noon.Add(time.Hour)}))...)
	original := bank.Original{TransactionID: uuid.UUID{3, 1}, AccountID: alice, CounterpartyID: bob, Direction: account.Debit, Money: sum(100)}
	for name, c := range map[string]struct {
		command bank.Command
		want    money.Amount
	}{
		"deposit":                  {on(alice, account.Deposit{TransactionID: paid, Money: sum(5)}), 5},
		"withdrawal":               {on(alice, account.Withdraw{TransactionID: paid, Money: sum(5)}), 5},
		"fee":                      {on(alice, account.ChargeFee{TransactionID: paid, Money: sum(5), Reason: "r"}), 5},
		"penalty interest":         {on(alice, account.PostInterest{TransactionID: paid, Money: sum(-5)}), 5},
		"transfer":                 {move(2, alice, bob, 5), 5},
		"all of a hold":            {on(alice, account.CaptureHold{TransactionID: paid, HoldID: theHold}), 300},
		"a part of it":             {on(alice, account.CaptureHold{TransactionID: paid, HoldID: theHold, Amount: new(money.Amount(5))}), 5},
		"all of a transaction":     {bank.Reverse{ReversalID: paid, Original: original, Reason: "r"}, 100},
		"a part of it, back":       {bank.Reverse{ReversalID: paid, Original: original, Reason: "r", Amount: new(money.Amount(5))}, 5},
		"payment":                  {request(alice, 5), 5},
		"a hold sets aside":        {on(alice, account.PlaceHold{HoldID: paid, Money: sum(5), ExpiresAt: noon.Add(time.Hour)}), 0},
		"an account without money": {on(uuid.UUID{7}, account.Open{AccountID: uuid.UUID{7}, OwnerID: "o", OwnerName: "n", Currency: eur, OverdraftLimit: 500}), 0},
	} {
		changes, err := bank.Decide(w, c.command, noon)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m, moves := bank.Moves(c.command, changes)
		if m.Amount != c.want || moves != (c.want > 0) {
			t.Errorf("%s moves %v, want %d", name, m, c.want)
		}
	}
	p := given(t, append(opens(alice, 1_000), request(alice, 5))...)
	settle := request(alice, 5)
	settle.Command = payment.Settle{}
	changes, err := bank.Decide(p, settle, noon)
	if m, moves := bank.Moves(settle, changes); err != nil || moves {
		t.Errorf("the bank's own settlement moves %v, %v", m, err)
	}
}

// approve is what is asked of the approval that the command waits in.
func approve(c bank.Command, what approval.Command) bank.OnApproval {
	return bank.OnApproval{ApprovalID: sampleID(9), Original: c, Command: what}
}

// waits is a world in which the command waits for an approval.
func waits(t *testing.T, w world, c bank.Command) world {
	t.Helper()
	changes, err := bank.AskForApproval(c, approval.Request{ApprovalID: sampleID(9), Money: sum(500), Threshold: 100, Maker: "ann", ExpiresAt: noon.Add(time.Hour)}, noon)
	if err != nil || len(changes) != 1 || changes[0].StreamType != approval.StreamType {
		t.Fatal(changes, err)
	}
	e := changes[0].Events[0].(approval.Requested)
	if back, err := bank.DecodeCommand(e.Kind, e.Command); err != nil || !reflect.DeepEqual(back, c) || e.AccountID != bank.Principal(c) {
		t.Fatalf("%+v waits as %+v, %v", c, back, err)
	}
	w[sampleID(9)], _ = bank.Evolve(nil, sampleID(9), e, noon)
	return w
}

func TestApproval(t *testing.T) {
	t.Parallel()
	transfer := move(2, alice, bob, 500)
	poor := func() world { return waits(t, given(t, append(opens(alice, 10), opens(bob, 0)...)...), transfer) }
	rich := func() world { return waits(t, given(t, append(opens(alice, 1_000), opens(bob, 0)...)...), transfer) }
	for name, c := range map[string]struct {
		world world
		what  approval.Command
		types string
		code  string
	}{
		"approved":                 {rich(), approval.Approve{By: "bob"}, "[transfer.sent transfer.received approval.approved]", ""},
		"approved, nothing there":  {poor(), approval.Approve{By: "bob"}, "[]", "insufficient_funds"},
		"rejected":                 {rich(), approval.Reject{By: "bob", Reason: "r"}, "[approval.rejected]", ""},
		"rejected, nothing there":  {poor(), approval.Reject{By: "bob", Reason: "r"}, "[approval.rejected]", ""},
		"approved by the maker":    {rich(), approval.Approve{By: "ann"}, "[]", "approval_by_maker"},
		"of nothing":               {given(t, opens(alice, 1_000)...), approval.Approve{By: "bob"}, "[]", "not_found"},
		"of what is no approval":   {world{sampleID(9): account.State{}}, approval.Approve{By: "bob"}, "[]", "not_found"},
		"expiry before it is due":  {rich(), approval.Expire{}, "[]", "approval_not_due"},
		"asked for another way in": {world{}, approval.Request{}, "[]", "not_found"},
	} {
		changes, err := bank.Decide(c.world, approve(transfer, c.what), noon)
		var refusal bank.Refusal
		code, types := "", []string{}
		if errors.As(err, &refusal) {
			code = refusal.Code()
		}
		for _, change := range changes {
			for _, e := range change.Events {
				typ, _, _ := bank.Encode(e)
				types = append(types, typ)
			}
		}
		if code != c.code || c.types != "["+join(types)+"]" {
			t.Errorf("%s: %v, %v", name, types, err)
		}
	}
}

func join(words []string) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += " "
		}
		text += w
	}
	return text
}
