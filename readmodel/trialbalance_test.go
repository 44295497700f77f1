package readmodel_test

import (
	"context"
	"errors"
	"testing"

	"passbook/domain/account"
	"passbook/readmodel"
)

// The books balance at every moment that is looked at, in every currency, and are what the log says up to then; a row that was
// tampered with is seen.
func TestTrialBalance(t *testing.T) {
	t.Parallel()
	b, o := readers(t, 63, 3_000)
	for _, position := range []int64{1, 500, 1_400, 2_999, 3_000} {
		at := b.readLog(position-1, 1)[0].RecordedAt
		trial, fresh, err := b.queries.TrialBalance(t.Context(), &at)
		if err != nil || fresh.Position != 3_000 || trial.Position < position || !trial.At.Equal(at) {
			t.Fatalf("%+v, %+v, %v", trial, fresh, err)
		}
		want := map[string]int64{} // what all accounts have, by currency
		accounts := int64(0)
		for id, events := range o.events {
			for i, e := range events {
				if e.Position > trial.Position || i+1 < len(events) && events[i+1].Position <= trial.Position {
					continue
				}
				s := o.states[id][i]
				want[s.Currency.Code()] += int64(s.Balance)
				accounts++
			}
		}
		if !trial.Balanced() || len(trial.Currencies) != len(want) {
			t.Errorf("at %d: %+v", position, trial)
		}
		for _, c := range trial.Currencies {
			accounts -= c.Accounts
			if line := lineNamed(c, readmodel.LineAccounts); line.Credit-line.Debit != want[c.Currency] || c.Debits != c.Credits {
				t.Errorf("%s at %d: %+v, the accounts have %d", c.Currency, position, c, want[c.Currency])
			}
			if line := lineNamed(c, "transfers"); line.Debit != line.Credit {
				t.Errorf("%s at %d: %+v", c.Currency, position, line)
			}
		}
		if accounts != 0 {
			t.Errorf("at %d: %d accounts are not counted", position, accounts)
		}
	}

	now, _, err := b.queries.TrialBalance(t.Context(), nil)
	if err != nil || now.Position != 3_000 || !now.Balanced() {
		t.Fatalf("%+v, %v", now, err)
	}
	for _, c := range now.Currencies {
		sums := map[string]int64{}
		for id, payloads := range o.payloads {
			for _, p := range payloads {
				if m, moved := account.MovementOf(p); moved && o.states[id][0].Currency.Code() == c.Currency {
					sums["all"] += int64(m.Amount)
					if _, deposit := p.(account.Deposited); deposit {
						sums["deposits"] += int64(m.Amount)
					}
				}
			}
		}
		if line := lineNamed(c, "deposits"); line.Debit != sums["deposits"] {
			t.Errorf("%s: deposits are %+v, want %d", c.Currency, line, sums["deposits"])
		}
		if line := lineNamed(c, readmodel.LineAccounts); line.Credit-line.Debit != sums["all"] {
			t.Errorf("%s: accounts are %+v, what moved is %d", c.Currency, line, sums["all"])
		}
		for _, name := range []string{"withdrawals", "fees", "interest", "captures", "payments", "transfers"} {
			if line := lineNamed(c, name); line.Movements == 0 {
				t.Errorf("%s has no %s", c.Currency, name)
			}
		}
	}

	b.exec(`UPDATE readmodel.timeline SET amount = amount + 1 WHERE position = (SELECT max(position) FROM readmodel.timeline WHERE type = 'deposit')`)
	if spoiled, _, err := b.queries.TrialBalance(t.Context(), nil); err != nil || spoiled.Balanced() {
		t.Errorf("a row that was tampered with is not seen: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.queries.TrialBalance(cancelled, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits for it any more: %v", err)
	}
}

func lineNamed(c readmodel.CurrencyTotals, name string) readmodel.TrialLine {
	for _, l := range c.Lines {
		if l.Name == name {
			return l
		}
	}
	return readmodel.TrialLine{}
}
