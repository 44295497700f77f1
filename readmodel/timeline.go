package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/readmodel/internal/db"
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
)

// TimelineTypes lists all of them.
func TimelineTypes() []string {
	return []string{TypeOpened, TypeDeposit, TypeWithdrawal, TypeFee, TypeInterest,
		TypeFrozen, TypeUnfrozen, TypeClosed, TypeReopened, TypeSettingsChanged}
}

// timelineProjector keeps one row an event: what happened, and the balance after it.
func timelineProjector() Projector {
	return Projector{Name: Timeline, Version: 1, Tables: []string{"readmodel.timeline"}, Apply: applyTimeline}
}

// entry is a row of readmodel.timeline, as far as it is not the event's envelope.
type entry struct {
	kind          string
	transactionID pgtype.UUID
	amount        pgtype.Int8 // signed; neither is valid where no money moved
	reference     string
	detail        string
	metadata      []byte // JSON object, nil for none
}

// end is what the next row of an account follows: its last one.
type end struct {
	version       int64
	balance, held int64
	currency      string
}

func applyTimeline(ctx context.Context, tx pgx.Tx, events []Event) error {
	ends, err := loadEnds(ctx, tx, accountIDs(events))
	if err != nil {
		return err
	}
	rows := make([][]any, 0, len(events))
	for i := range events {
		e := &events[i]
		if e.StreamType != account.StreamType {
			continue
		}
		row, err := timelineRow(ends, e)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"readmodel", "timeline"}, timelineColumns, pgx.CopyFromRows(rows))
	if err != nil {
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}

func loadEnds(ctx context.Context, tx pgx.Tx, ids [][16]byte) (map[uuid.UUID]end, error) {
	stored, err := tx.Query(ctx, db.LoadTimelineEnds, ids)
	if err != nil {
		return nil, fmt.Errorf("load the ends of timelines: %w", err)
	}
	ends := make(map[uuid.UUID]end, len(ids))
	var id uuid.UUID
	var last end
	_, err = pgx.ForEachRow(stored, []any{(*[16]byte)(&id), &last.version, &last.balance, &last.held, &last.currency}, func() error {
		ends[id] = last
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the ends of timelines: %w", err)
	}
	return ends, nil
}

var timelineColumns = []string{"account_id", "event_id", "transaction_id", "position", "version", "balance", "held", "amount",
	"effective_at", "recorded_at", "type", "currency", "reference", "detail", "metadata"}

// timelineRow returns the row of an event and moves the end of its account.
func timelineRow(ends map[uuid.UUID]end, e *Event) ([]any, error) {
	last := ends[e.StreamID]
	if err := follows(last.version, e); err != nil {
		return nil, err
	}
	row, err := last.next(e)
	if err != nil {
		return nil, &EventError{e.Position, err}
	}
	last.version = e.Version
	ends[e.StreamID] = last
	return []any{
		[16]byte(e.StreamID), [16]byte(e.ID), row.transactionID, e.Position, e.Version, last.balance, last.held, row.amount,
		e.EffectiveAt, e.RecordedAt, row.kind, last.currency, row.reference, row.detail, row.metadata,
	}, nil
}

// next returns what the event adds to the timeline and assigns the balances after it.
func (last *end) next(e *Event) (entry, error) {
	switch p := e.Payload.(type) {
	case account.Opened:
		last.currency = p.Currency.Code()
		return entry{kind: TypeOpened}.with(p.Metadata)
	case account.Deposited:
		row := last.money(TypeDeposit, p.TransactionID, p.Amount, p.BalanceAfter, p.HeldAfter)
		row.reference, row.detail = p.Reference, p.Source
		return row.with(p.Metadata)
	case account.Withdrawn:
		row := last.money(TypeWithdrawal, p.TransactionID, -p.Amount, p.BalanceAfter, p.HeldAfter)
		row.reference, row.detail = p.Reference, p.Channel
		return row.with(p.Metadata)
	case account.FeeCharged:
		row := last.money(TypeFee, p.TransactionID, -p.Amount, p.BalanceAfter, p.HeldAfter)
		row.reference, row.detail = p.Reference, p.Reason
		return row.with(p.Metadata)
	case account.InterestPosted:
		row := last.money(TypeInterest, p.TransactionID, p.Amount, p.BalanceAfter, p.HeldAfter)
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
	case account.SettingsChanged:
		return entry{kind: TypeSettingsChanged, detail: changedSettings(p)}, nil
	default:
		panic(unknownPayload(e))
	}
}

func (last *end) money(kind string, transaction uuid.UUID, signed, balanceAfter, heldAfter money.Amount) entry {
	last.balance, last.held = int64(balanceAfter), int64(heldAfter)
	return entry{
		kind:          kind,
		transactionID: pgtype.UUID{Bytes: transaction, Valid: true},
		amount:        pgtype.Int8{Int64: int64(signed), Valid: true},
	}
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
func changedSettings(p account.SettingsChanged) string {
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
	return strings.Join(names, ", ")
}
