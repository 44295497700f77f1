package auditor

import (
	"encoding/json"
	"fmt"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
)

// ledger is the auditor's own account: a running sum and what the rules need. Amounts are plain integers.
type ledger struct {
	row   balanceRow
	found *differences
	lost  bool // an event could not be read: from then on there is nothing to check the others against
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
}

// post checks the event against everything before it, adds it and returns the row the timeline should have.
func (l *ledger) post(e *eventstore.Event, payload any) (timelineRow, error) {
	_, opens := payload.(account.Opened)
	if opens != (e.Version == 1) {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "version %d is %s", e.Version, e.Type)
	}
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
	}, nil
}

func (l *ledger) enter(e *eventstore.Event, payload any) (entry, error) {
	switch p := payload.(type) {
	case account.Opened:
		return l.open(e, p)
	case account.Deposited:
		l.move(e, +int64(p.Amount), p.Currency.Code(), int64(p.BalanceAfter), int64(p.HeldAfter))
		return entry{"deposit", p.TransactionID, true, +int64(p.Amount), p.Reference, sourceSaid(p.Source), p.Metadata}, nil
	case account.Withdrawn:
		l.move(e, -int64(p.Amount), p.Currency.Code(), int64(p.BalanceAfter), int64(p.HeldAfter))
		l.withdrawn(e)
		return entry{"withdrawal", p.TransactionID, true, -int64(p.Amount), p.Reference, p.Channel, p.Metadata}, nil
	case account.FeeCharged:
		l.move(e, -int64(p.Amount), p.Currency.Code(), int64(p.BalanceAfter), int64(p.HeldAfter))
		return entry{"fee", p.TransactionID, true, -int64(p.Amount), p.Reference, p.Reason, p.Metadata}, nil
	case account.InterestCredited:
		l.move(e, +int64(p.Amount), p.Currency.Code(), int64(p.BalanceAfter), int64(p.HeldAfter))
		return entry{"interest", p.TransactionID, true, +int64(p.Amount), p.Reference, joined(p.Rate, p.Period), p.Metadata}, nil
	case account.InterestDebited:
		l.move(e, -int64(p.Amount), p.Currency.Code(), int64(p.BalanceAfter), int64(p.HeldAfter))
		return entry{"interest", p.TransactionID, true, -int64(p.Amount), p.Reference, joined(p.Rate, p.Period), p.Metadata}, nil
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
		return entry{}, fmt.Errorf("the auditor has no rule for %s", e.Type)
	}
}

// sourceSaid is where a deposit came from, when somebody said it.
func sourceSaid(source string) string {
	if source == "unspecified" {
		return ""
	}
	return source
}

// joined is two texts in one, either of which may be empty.
func joined(a, b string) string { return strings.Join(strings.Fields(a+" "+b), " ") }

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

// move adds a movement to the auditor's sum and compares it with what the event claims.
func (l *ledger) move(e *eventstore.Event, signed int64, currency string, balanceAfter, heldAfter int64) {
	if currency != l.row.Currency {
		l.found.add(CheckCurrency, e.StreamID, e.Position, "%s on an account in %q", currency, l.row.Currency)
	}
	if l.row.Status == "closed" || l.row.Scope == "all" {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "%s while %s %s", e.Type, l.row.Status, l.row.Scope)
	}
	l.row.Balance += signed
	if l.lost {
		l.row.Balance, l.row.Held = balanceAfter, heldAfter
	}
	if balanceAfter != l.row.Balance {
		l.found.add(CheckBalanceAfter, e.StreamID, e.Position, "the event says %d, the sum is %d", balanceAfter, l.row.Balance)
	}
	if heldAfter != l.row.Held {
		l.found.add(CheckHeldAfter, e.StreamID, e.Position, "the event says %d, the sum is %d", heldAfter, l.row.Held)
	}
}

func (l *ledger) withdrawn(e *eventstore.Event) {
	if l.row.Scope == "debit" {
		l.found.add(CheckLifecycle, e.StreamID, e.Position, "%s while frozen for debits", e.Type)
	}
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
		l.row.Metadata, err = canonicalMap(*p.Metadata)
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
