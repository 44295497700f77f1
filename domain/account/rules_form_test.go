package account_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
)

// textField is a text of a command with its limits, and how to ask with it.
type textField struct {
	command, field    string
	shortest, longest int
	ask               func(text string) account.Command
}

var textFields = []textField{
	{"open", "owner_id", 1, 128, func(s string) account.Command {
		return account.Open{AccountID: accountID, OwnerID: s, Currency: eur}
	}},
	{"open", "owner_name", 0, 200, func(s string) account.Command {
		return account.Open{AccountID: accountID, OwnerID: "o", OwnerName: s, Currency: eur}
	}},
	{"deposit", "source", 0, 100, func(s string) account.Command {
		return account.Deposit{TransactionID: tx(2), Money: euros(1), Source: s}
	}},
	{"deposit", "reference", 0, 200, func(s string) account.Command {
		return account.Deposit{TransactionID: tx(2), Money: euros(1), Reference: s}
	}},
	{"withdraw", "channel", 0, 100, func(s string) account.Command {
		return account.Withdraw{TransactionID: tx(2), Money: euros(1), Channel: s}
	}},
	{"withdraw", "reference", 0, 200, func(s string) account.Command {
		return account.Withdraw{TransactionID: tx(2), Money: euros(1), Reference: s}
	}},
	{"charge fee", "reason", 0, 100, func(s string) account.Command {
		return account.ChargeFee{TransactionID: tx(2), Money: euros(1), Reason: s}
	}},
	{"charge fee", "reference", 0, 200, func(s string) account.Command {
		return account.ChargeFee{TransactionID: tx(2), Money: euros(1), Reference: s}
	}},
	{"post interest", "rate", 0, 100, func(s string) account.Command {
		return account.PostInterest{TransactionID: tx(2), Money: euros(1), Rate: s}
	}},
	{"post interest", "period", 0, 100, func(s string) account.Command {
		return account.PostInterest{TransactionID: tx(2), Money: euros(1), Period: s}
	}},
	{"post interest", "reference", 0, 200, func(s string) account.Command {
		return account.PostInterest{TransactionID: tx(2), Money: euros(1), Reference: s}
	}},
	{"freeze", "reason", 0, 100, func(s string) account.Command { return account.Freeze{Reason: s} }},
	{"unfreeze", "reason", 0, 100, func(s string) account.Command { return account.Unfreeze{Reason: s} }},
	{"close", "reason", 0, 100, func(s string) account.Command { return account.Close{Reason: s} }},
	{"reopen", "reason", 0, 100, func(s string) account.Command { return account.Reopen{Reason: s} }},
	{"change settings", "owner_name", 0, 200, func(s string) account.Command { return account.ChangeSettings{OwnerName: &s} }},
}

// A text may be as long as its limit in characters, however many bytes they take, and must be one that Postgres can store.
func TestTexts(t *testing.T) {
	t.Parallel()
	for _, f := range textFields {
		t.Run(f.command+" "+f.field, func(t *testing.T) {
			t.Parallel()
			for _, good := range []string{strings.Repeat("x", f.shortest), strings.Repeat("x", f.longest), strings.Repeat("😀", f.longest)} {
				checkForm(t, f.ask(good), "")
			}
			for _, bad := range []string{strings.Repeat("x", f.longest+1), strings.Repeat("😀", f.longest+1), "nul\x00", "not utf-8 \xff", "cut \xf0\x9f"} {
				checkForm(t, f.ask(bad), f.field)
			}
			if f.shortest > 0 {
				checkForm(t, f.ask(strings.Repeat("x", f.shortest-1)), f.field)
			}
		})
	}
}

// checkForm asks where nothing but the form can be refused with invalid_parameter, and wants this field refused, or none.
func checkForm(t *testing.T, c account.Command, field string) {
	t.Helper()
	for _, s := range []account.State{{}, account.Replay(noon, opened(0), holding(0)), account.Replay(noon, opened(0), closed)} {
		_, err := account.Decide(s, c, noon)
		var invalid account.InvalidField
		refused := errors.As(err, &invalid)
		if refused != (field != "") || invalid.Field != field {
			t.Errorf("%.80q on an account %q: got %v, want a fault in %q", fmt.Sprint(c), s.Status, err, field)
		}
		if refused && invalid.Detail == "" {
			t.Errorf("%q is refused without a detail", field)
		}
	}
}

// metadataFields asks with metadata in every command that takes some.
var metadataFields = map[string]func(map[string]string) account.Command{
	"open": func(m map[string]string) account.Command {
		return account.Open{AccountID: accountID, OwnerID: "o", Currency: eur, Metadata: m}
	},
	"deposit": func(m map[string]string) account.Command {
		return account.Deposit{TransactionID: tx(2), Money: euros(1), Metadata: m}
	},
	"withdraw": func(m map[string]string) account.Command {
		return account.Withdraw{TransactionID: tx(2), Money: euros(1), Metadata: m}
	},
	"charge fee": func(m map[string]string) account.Command {
		return account.ChargeFee{TransactionID: tx(2), Money: euros(1), Metadata: m}
	},
	"post interest": func(m map[string]string) account.Command {
		return account.PostInterest{TransactionID: tx(2), Money: euros(1), Metadata: m}
	},
	"change settings": func(m map[string]string) account.Command { return account.ChangeSettings{Metadata: &m} },
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	for command, ask := range metadataFields {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			for _, good := range []map[string]string{nil, {}, {"k": ""}, {strings.Repeat("😀", 40): strings.Repeat("😀", 500)}, entries(20)} {
				checkForm(t, ask(good), "")
			}
			for _, bad := range []map[string]string{
				{"": "v"}, {strings.Repeat("k", 41): "v"}, {"k": strings.Repeat("v", 501)},
				{"k\x00": "v"}, {"k": "\x00"}, {"k\xff": "v"}, {"k": "\xff"}, entries(21),
			} {
				checkForm(t, ask(bad), "metadata")
			}
		})
	}
}

func entries(n int) map[string]string {
	m := make(map[string]string, n)
	for i := range n {
		m[fmt.Sprint("key ", i)] = "value"
	}
	return m
}

func TestIdsScopesAndCurrencies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ask   account.Command
		field string
	}{
		{account.Open{OwnerID: "o", Currency: eur}, "account_id"},
		{account.Open{AccountID: accountID, OwnerID: "o"}, "currency"},
		{account.Deposit{Money: euros(1)}, "transaction_id"},
		{account.Withdraw{Money: euros(1)}, "transaction_id"},
		{account.ChargeFee{Money: euros(1)}, "transaction_id"},
		{account.PostInterest{Money: euros(1)}, "transaction_id"},
		{account.Freeze{Scope: "credit"}, "scope"},
		{account.Freeze{Scope: "ALL"}, "scope"},
	}
	for _, tt := range tests {
		checkForm(t, tt.ask, tt.field)
	}
}

// Which of several faults is named does not depend on the order in which a map happens to be walked.
func TestTheSameFaultsAreRefusedInTheSameWords(t *testing.T) {
	t.Parallel()
	c := account.Deposit{TransactionID: uuid.UUID{1}, Money: money.Money{}, Metadata: map[string]string{"": "v", "k": "\x00", "\xff": "v"}}
	_, first := account.Decide(account.State{}, c, noon)
	for range 100 {
		if _, err := account.Decide(account.State{}, c, noon); !errors.Is(err, first) {
			t.Fatalf("got %v after %v", err, first)
		}
	}
}
