package auditor

import (
	"encoding/json"
	"fmt"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
)

// ledger is the auditor's own account: a running sum and what the rules need. Amounts are plain integers.
type ledger struct {
	row    balanceRow
	holds  holdBook // all that are open
	limits limits
	stated bool  // the last event said what the balances are after it
	says   int64 // the balance that the events have said last
	found  *differences
	lost   bool // an event could not be read: from then on there is nothing to check the others against
}

func newLedger(found *differences) *ledger {
	return &ledger{row: balanceRow{Limits: "null"}, holds: holdBook{}, limits: newLimits(), found: found}
}

// lose gives up checking: what the event says that nobody can read is not known.
func (l *ledger) lose() { l.lost, l.found = true, &differences{} }

// entry says what one event does, in the auditor's words.
type entry struct {
	kind        string
	transaction uuid.UUID
	moved       bool
	amount      int64 // signed
	reference   string
	detail      string
	metadata    map[string]string

	held                                  int64 // signed: what it adds to what is held
	counterparty, hold, reverses, payment uuid.UUID
}

// post checks the event against everything before it, adds it and returns the row the timeline should have.
func (l *ledger) post(e *eventstore.Event, payload any) (timelineRow, error) {
	_, opens := payload.(account.Opened)
	if opens != (e.Version == 1) {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "version %d is %s", e.Version, e.Type)
	}
	l.stated = false
	l.row.AccountID, l.row.Version, l.row.Position, l.row.UpdatedAt = e.StreamID, e.Version, e.Position, e.RecordedAt
	posted, err := l.enter(e, payload)
	if err != nil {
		return timelineRow{}, err
	}
	metadata, err := canonicalMap(posted.metadata)
	if err != nil {
		return timelineRow{}, err
	}
	return timelineRow{
		AccountID: e.StreamID, Position: e.Position, Version: e.Version, EventID: e.ID, TransactionID: posted.transaction,
		Type: posted.kind, Moved: posted.moved, Amount: posted.amount, Currency: l.row.Currency, Balance: l.row.Balance, Held: l.row.Held,
		Reference: posted.reference, Detail: posted.detail, Metadata: metadata, EffectiveAt: e.EffectiveAt, RecordedAt: e.RecordedAt,
		HeldChange: posted.held, Counterparty: posted.counterparty, Hold: posted.hold, Reverses: posted.reverses, Pay: posted.payment,
	}, nil
}

func (l *ledger) enter(e *eventstore.Event, payload any) (entry, error) {
	switch p := payload.(type) {
	case account.Opened:
		return l.open(e, p)
	case account.Deposited:
		l.move(e, after{+int64(p.Amount), 0, p.Currency, p.BalanceAfter, p.HeldAfter})
		return movement("deposit", p.TransactionID, +int64(p.Amount), p.Reference, sourceSaid(p.Source), p.Metadata), nil
	case account.Withdrawn:
		l.move(e, after{-int64(p.Amount), 0, p.Currency, p.BalanceAfter, p.HeldAfter})
		l.spent(e, int64(p.Amount))
		return movement("withdrawal", p.TransactionID, -int64(p.Amount), p.Reference, p.Channel, p.Metadata), nil
	case account.FeeCharged:
		l.move(e, after{-int64(p.Amount), 0, p.Currency, p.BalanceAfter, p.HeldAfter})
		return movement("fee", p.TransactionID, -int64(p.Amount), p.Reference, p.Reason, p.Metadata), nil
	case account.InterestCredited:
		l.move(e, after{+int64(p.Amount), 0, p.Currency, p.BalanceAfter, p.HeldAfter})
		return movement("interest", p.TransactionID, +int64(p.Amount), p.Reference, joined(p.Rate, p.Period), p.Metadata), nil
	case account.InterestDebited:
		l.move(e, after{-int64(p.Amount), 0, p.Currency, p.BalanceAfter, p.HeldAfter})
		return movement("interest", p.TransactionID, -int64(p.Amount), p.Reference, joined(p.Rate, p.Period), p.Metadata), nil
	case account.Frozen:
		l.row.Status, l.row.Scope = "frozen", string(p.Scope)
		return entry{kind: "account_frozen", detail: p.Reason}, nil
	case account.Unfrozen:
		l.row.Status, l.row.Scope = "open", ""
		return entry{kind: "account_unfrozen", detail: p.Reason}, nil
	case account.Closed:
		l.closed(e)
		return entry{kind: "account_closed", detail: p.Reason}, nil
	case account.Reopened:
		l.row.Status = "open"
		return entry{kind: "account_reopened", detail: p.Reason}, nil
	case account.TermsChanged:
		return l.change(p)
	default:
		return l.between(e, payload)
	}
}

// sourceSaid is where a deposit came from, when somebody said it.
func sourceSaid(source string) string {
	if source == "unspecified" {
		return ""
	}
	return source
}

// joined is two texts in one, either of which may be empty; blanks within them stand as they were given.
func joined(a, b string) string { return strings.TrimSpace(a + " " + b) }

func movement(kind string, transaction uuid.UUID, signed int64, reference, detail string, metadata map[string]string) entry {
	return entry{kind: kind, transaction: transaction, moved: true, amount: signed, reference: reference, detail: detail, metadata: metadata}
}

// between enters what concerns another account, or an earlier event.
func (l *ledger) between(e *eventstore.Event, payload any) (entry, error) {
	switch p := payload.(type) {
	case account.TransferSent:
		l.move(e, after{-int64(p.Amount), 0, p.Currency, p.BalanceAfter, p.HeldAfter})
		l.spent(e, int64(p.Amount))
		row := movement("transfer_out", p.TransactionID, -int64(p.Amount), p.Reference, "", p.Metadata)
		row.counterparty = p.CounterpartyID
		return row, nil
	case account.TransferReceived:
		l.move(e, after{+int64(p.Amount), 0, p.Currency, p.BalanceAfter, p.HeldAfter})
		row := movement("transfer_in", p.TransactionID, +int64(p.Amount), p.Reference, "", p.Metadata)
		row.counterparty = p.CounterpartyID
		return row, nil
	case account.ReversalPosted:
		return l.reversed(e, p), nil
	default:
		return l.hold(e, payload)
	}
}

func (l *ledger) reversed(e *eventstore.Event, p account.ReversalPosted) entry {
	signed := +int64(p.Amount)
	if p.Direction == "debit" {
		signed = -signed
	}
	l.move(e, after{signed, 0, p.Currency, p.BalanceAfter, p.HeldAfter})
	if signed < 0 {
		l.covered(e)
	}
	row := movement("reversal", p.TransactionID, signed, "", p.Reason, p.Metadata)
	row.counterparty, row.reverses = p.CounterpartyID, p.Reverses
	return row
}

func (l *ledger) open(e *eventstore.Event, p account.Opened) (entry, error) {
	if p.AccountID != e.StreamID {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "opens account %s", p.AccountID)
	}
	l.row.OwnerID, l.row.OwnerName, l.row.Currency = p.OwnerID, p.OwnerName, p.Currency.Code()
	l.row.Limit, l.row.Status, l.row.OpenedAt = int64(p.OverdraftLimit), "open", e.RecordedAt
	var err error
	l.row.Metadata, err = canonicalMap(p.Metadata)
	return entry{kind: "account_opened", metadata: p.Metadata}, err
}

// after is what an event adds to balance and held, and what it says they are then.
type after struct {
	amount, heldChange int64 // signed
	currency           money.Currency
	balance, held      money.Amount
}

// move enters a movement of money, which neither a closure nor a freeze of all lets pass.
func (l *ledger) move(e *eventstore.Event, a after) {
	if l.row.Status == "closed" || l.row.Scope == "all" {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "%s while %s %s", e.Type, l.row.Status, l.row.Scope)
	}
	l.sum(e, a)
}

// sum adds to the auditor's sums and compares them with what the event claims.
func (l *ledger) sum(e *eventstore.Event, a after) {
	if a.currency.Code() != l.row.Currency {
		l.found.add(CheckCurrency, e.StreamID, e.Position, "%s on an account in %q", a.currency.Code(), l.row.Currency)
	}
	l.stated, l.says = true, int64(a.balance)
	l.row.Balance, l.row.Held = l.row.Balance+a.amount, l.row.Held+a.heldChange
	if l.lost {
		l.row.Balance, l.row.Held = int64(a.balance), int64(a.held)
	}
	if int64(a.balance) != l.row.Balance {
		l.found.add(CheckBalanceAfter, e.StreamID, e.Position, "the event says %d, the sum is %d", a.balance, l.row.Balance)
	}
	if int64(a.held) != l.row.Held {
		l.found.add(CheckHeldAfter, e.StreamID, e.Position, "the event says %d, the sum is %d", a.held, l.row.Held)
	}
}

// spent checks what the owner could not do while frozen for debits, nor past the limits.
func (l *ledger) spent(e *eventstore.Event, amount int64) {
	if l.row.Scope == "debit" {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "%s while frozen for debits", e.Type)
	}
	l.covered(e)
	if fault := l.limits.spend(e.RecordedAt, amount); fault != "" {
		l.found.add(CheckLimit, e.StreamID, e.Position, "%s", fault)
	}
}

// covered checks that what is left is not below the overdraft limit.
func (l *ledger) covered(e *eventstore.Event) {
	if l.row.Balance-l.row.Held < -l.row.Limit {
		l.found.add(CheckLimit, e.StreamID, e.Position, "balance %d less held %d is below the limit of -%d", l.row.Balance, l.row.Held, l.row.Limit)
	}
}

func (l *ledger) closed(e *eventstore.Event) {
	if l.row.Balance != 0 || l.row.Held != 0 {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "closed with balance %d and %d held", l.row.Balance, l.row.Held)
	}
	l.row.Status, l.row.Scope = "closed", ""
}

func (l *ledger) change(p account.TermsChanged) (entry, error) {
	var names []string
	var err error
	if p.OverdraftLimit != nil {
		names, l.row.Limit = append(names, "overdraft_limit"), int64(*p.OverdraftLimit)
	}
	if p.OwnerName != nil {
		names, l.row.OwnerName = append(names, "owner_name"), *p.OwnerName
	}
	if p.Metadata != nil {
		names = append(names, "metadata")
		if l.row.Metadata, err = canonicalMap(*p.Metadata); err != nil {
			return entry{}, err
		}
	}
	if p.Limits != nil {
		names = append(names, "limits")
		l.row.Limits = l.limits.set(*p.Limits)
	}
	return entry{kind: "settings_changed", detail: strings.Join(names, ", ")}, err
}

// canonical is JSON metadata in a form that compares: sorted keys, {} for none.
func canonical(encoded []byte) (string, error) {
	if len(encoded) == 0 {
		return "{}", nil
	}
	var metadata map[string]string
	if err := json.Unmarshal(encoded, &metadata); err != nil {
		return "", fmt.Errorf("metadata: %w", err)
	}
	return canonicalMap(metadata)
}

func canonicalMap(metadata map[string]string) (string, error) {
	if len(metadata) == 0 {
		return "{}", nil
	}
	encoded, err := jsonv2.Marshal(metadata, jsonv2.Deterministic(true))
	return string(encoded), err
}
