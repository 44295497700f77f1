package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/readmodel/internal/pgcopy"
)

// Types of timeline rows, as they stand in the table and in answers.
const (
	TypeOpened          = "account_opened"
	TypeDeposit         = "deposit"
	TypeWithdrawal      = "withdrawal"
	TypeFee             = "fee"
	TypeInterest        = "interest"
	TypeFrozen          = "account_frozen"
	TypeUnfrozen        = "account_unfrozen"
	TypeClosed          = "account_closed"
	TypeReopened        = "account_reopened"
	TypeSettingsChanged = "settings_changed"
	TypeTransferOut     = "transfer_out"
	TypeTransferIn      = "transfer_in"
	TypeHoldPlaced      = "hold_placed"
	TypeHoldCaptured    = "hold_captured"
	TypeHoldReleased    = "hold_released"
	TypeHoldExtended    = "hold_extended"
	TypeHoldExpired     = "hold_expired"
	TypeReversal        = "reversal"
)

// TimelineTypes lists all of them.
func TimelineTypes() []string {
	return []string{TypeOpened, TypeDeposit, TypeWithdrawal, TypeFee, TypeInterest,
		TypeFrozen, TypeUnfrozen, TypeClosed, TypeReopened, TypeSettingsChanged, TypeTransferOut, TypeTransferIn,
		TypeHoldPlaced, TypeHoldCaptured, TypeHoldReleased, TypeHoldExtended, TypeHoldExpired, TypeReversal}
}

// timelineProjector keeps one row an event: what happened, and the balance after it.
func timelineProjector() Projector {
	return Project(Projector{
		Name: Timeline, Version: 2, Tables: []string{"timeline"},
		ExpectDiff: "rows say what was set aside, and which account, hold, payment or transaction they belong to",
	}, Definition[end]{
		Load: loadEnds, Apply: applyTimeline, CopyAdded: copyTimeline, Settle: func(*end) {},
	})
}

// entry is a row of the table, as far as it is not the event's envelope.
type entry struct {
	kind          string
	moved         bool // money did; otherwise there is neither transaction nor amount
	transactionID uuid.UUID
	amount        int64 // signed
	reference     string
	detail        string
	metadata      []byte // JSON object, nil for none

	heldChange                                    int64     // signed; zero for none
	counterpartyID, holdID, reversesID, paymentID uuid.UUID // zero for none
}

// end is what the next row of an account follows: its last one.
type end struct {
	balance, held int64
	currency      string
}

// loadEndsSQL by hand: sqlc knows no search path. It finds the last row of each account.
const loadEndsSQL = `
SELECT account.id, last.version, last.balance, last.held, last.currency
FROM unnest($1::uuid[]) AS account(id)
CROSS JOIN LATERAL (
    SELECT t.version, t.balance, t.held, t.currency FROM timeline t
    WHERE t.account_id = account.id ORDER BY t.position DESC LIMIT 1
) AS last`

func loadEnds(ctx context.Context, tx pgx.Tx, accounts [][16]byte, found func(uuid.UUID, int64, end)) error {
	stored, err := tx.Query(ctx, loadEndsSQL, accounts)
	if err != nil {
		return fmt.Errorf("load the ends of timelines: %w", err)
	}
	var id uuid.UUID
	var version int64
	var last end
	_, err = pgx.ForEachRow(stored, []any{(*[16]byte)(&id), &version, &last.balance, &last.held, &last.currency}, func() error {
		found(id, version, last)
		return nil
	})
	if err != nil {
		return fmt.Errorf("load the ends of timelines: %w", err)
	}
	return nil
}

const copyTimeline = `COPY timeline (account_id, event_id, transaction_id, position, version, balance, held, amount,
    effective_at, recorded_at, type, currency, reference, detail, metadata,
    held_change, counterparty_id, hold_id, reverses_id, payment_id) FROM STDIN (FORMAT binary)`

// applyTimeline adds the row of an event, with its columns in the order of the statement, and moves the end of its account.
func applyTimeline(last *end, e *Event, rows *pgcopy.Rows) error {
	row, err := last.next(e)
	if err != nil {
		return err
	}
	rows.Row(20)
	rows.UUID(e.StreamID)
	rows.UUID(e.ID)
	if row.moved {
		rows.UUID(row.transactionID)
	} else {
		rows.Null()
	}
	for _, n := range [...]int64{e.Position, e.Version, last.balance, last.held} {
		rows.Int64(n)
	}
	if row.moved {
		rows.Int64(row.amount)
	} else {
		rows.Null()
	}
	rows.Time(e.EffectiveAt)
	rows.Time(e.RecordedAt)
	for _, text := range [...]string{row.kind, last.currency, row.reference, row.detail} {
		rows.Text(text)
	}
	rows.JSON(row.metadata)
	if row.heldChange != 0 {
		rows.Int64(row.heldChange)
	} else {
		rows.Null()
	}
	for _, id := range [...]uuid.UUID{row.counterpartyID, row.holdID, row.reversesID, row.paymentID} {
		rows.OptionalUUID(id)
	}
	return nil
}

// next returns what the event adds to the timeline and assigns the balances after it.
func (last *end) next(e *Event) (entry, error) {
	switch p := e.Payload.(type) {
	case account.Opened:
		last.currency = p.Currency.Code()
		return entry{kind: TypeOpened}.with(p.Metadata)
	case account.Deposited:
		row := last.money(TypeDeposit, p.TransactionID, p.Amount, p.BalanceAfter, p.HeldAfter)
		if row.reference = p.Reference; p.Source != account.SourceUnspecified {
			row.detail = p.Source
		}
		return row.with(p.Metadata)
	case account.Withdrawn:
		row := last.money(TypeWithdrawal, p.TransactionID, -p.Amount, p.BalanceAfter, p.HeldAfter)
		row.reference, row.detail = p.Reference, p.Channel
		return row.with(p.Metadata)
	case account.FeeCharged:
		row := last.money(TypeFee, p.TransactionID, -p.Amount, p.BalanceAfter, p.HeldAfter)
		row.reference, row.detail = p.Reference, p.Reason
		return row.with(p.Metadata)
	case account.InterestCredited:
		row := last.money(TypeInterest, p.TransactionID, p.Amount, p.BalanceAfter, p.HeldAfter)
		row.reference, row.detail = p.Reference, strings.TrimSpace(p.Rate+" "+p.Period)
		return row.with(p.Metadata)
	case account.InterestDebited:
		row := last.money(TypeInterest, p.TransactionID, -p.Amount, p.BalanceAfter, p.HeldAfter)
		row.reference, row.detail = p.Reference, strings.TrimSpace(p.Rate+" "+p.Period)
		return row.with(p.Metadata)
	case account.Frozen:
		return entry{kind: TypeFrozen, detail: p.Reason}, nil
	case account.Unfrozen:
		return entry{kind: TypeUnfrozen, detail: p.Reason}, nil
	case account.Closed:
		return entry{kind: TypeClosed, detail: p.Reason}, nil
	case account.Reopened:
		return entry{kind: TypeReopened, detail: p.Reason}, nil
	case account.TermsChanged:
		return entry{kind: TypeSettingsChanged, detail: changedSettings(p)}, nil
	default:
		return last.other(e)
	}
}

// other is next for movements between accounts, and for what is set aside.
func (last *end) other(e *Event) (entry, error) {
	switch p := e.Payload.(type) {
	case account.TransferSent:
		row := last.money(TypeTransferOut, p.TransactionID, -p.Amount, p.BalanceAfter, p.HeldAfter)
		row.counterpartyID, row.reference = p.CounterpartyID, p.Reference
		return row.with(p.Metadata)
	case account.TransferReceived:
		row := last.money(TypeTransferIn, p.TransactionID, p.Amount, p.BalanceAfter, p.HeldAfter)
		row.counterpartyID, row.reference = p.CounterpartyID, p.Reference
		return row.with(p.Metadata)
	case account.ReversalPosted:
		row := last.money(TypeReversal, p.TransactionID, p.Amount, p.BalanceAfter, p.HeldAfter)
		if p.Direction == account.Debit {
			row.amount = -row.amount
		}
		row.reversesID, row.counterpartyID, row.detail = p.Reverses, p.CounterpartyID, p.Reason
		return row.with(p.Metadata)
	case account.HoldPlaced:
		row := last.hold(TypeHoldPlaced, p.HoldID, p.PaymentID, p.Amount, p.BalanceAfter, p.HeldAfter)
		row.reference = p.Reference
		return row.with(p.Metadata)
	case account.HoldCaptured:
		row := last.hold(TypeHoldCaptured, p.HoldID, p.PaymentID, -p.Amount-p.Released, p.BalanceAfter, p.HeldAfter)
		row.moved, row.transactionID, row.amount, row.reference = true, p.TransactionID, -int64(p.Amount), p.Reference
		return row.with(p.Metadata)
	case account.HoldReleased:
		row := last.hold(TypeHoldReleased, p.HoldID, p.PaymentID, -p.Amount, p.BalanceAfter, p.HeldAfter)
		row.detail = p.Reason
		return row, nil
	case account.HoldExpired:
		return last.hold(TypeHoldExpired, p.HoldID, uuid.Nil, -p.Amount, p.BalanceAfter, p.HeldAfter), nil
	case account.HoldExtended:
		return entry{kind: TypeHoldExtended, holdID: p.HoldID, detail: p.ExpiresAt.UTC().Format(time.RFC3339Nano)}, nil
	default:
		panic(unknownPayload(e))
	}
}

// hold is a row about a hold: change is what it adds to what is held.
func (last *end) hold(kind string, hold, payment uuid.UUID, change, balanceAfter, heldAfter money.Amount) entry {
	last.balance, last.held = int64(balanceAfter), int64(heldAfter)
	return entry{kind: kind, holdID: hold, paymentID: payment, heldChange: int64(change)}
}

func (last *end) money(kind string, transaction uuid.UUID, signed, balanceAfter, heldAfter money.Amount) entry {
	last.balance, last.held = int64(balanceAfter), int64(heldAfter)
	return entry{kind: kind, moved: true, transactionID: transaction, amount: int64(signed)}
}

func (row entry) with(metadata map[string]string) (entry, error) {
	if len(metadata) == 0 {
		return row, nil
	}
	var err error
	row.metadata, err = json.Marshal(metadata)
	return row, err
}

// changedSettings names what changed. The values are the account's; a name is the owner's own affair.
func changedSettings(p account.TermsChanged) string {
	var names []string
	if p.OverdraftLimit != nil {
		names = append(names, "overdraft_limit")
	}
	if p.OwnerName != nil {
		names = append(names, "owner_name")
	}
	if p.Metadata != nil {
		names = append(names, "metadata")
	}
	if p.Limits != nil {
		names = append(names, "limits")
	}
	return strings.Join(names, ", ")
}
