package queryapi

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"passbook/httpapi"
	"passbook/readmodel"
)

// The bodies that are asked for most, written without a detour. They are what the generated types would be written as, in an
// order for people: what it is, how much, then the rest.

func appendAccount(dst []byte, a *readmodel.Account) []byte {
	dst = httpapi.AppendID(append(dst, `{"account_id":"`...), a.ID)
	dst = httpapi.AppendText(append(dst, `","owner_id":`...), a.OwnerID)
	dst = httpapi.AppendText(append(dst, `,"owner_name":`...), a.OwnerName)
	dst = httpapi.AppendText(append(dst, `,"currency":`...), a.Currency)
	dst = strconv.AppendInt(append(dst, `,"balance":`...), a.Balance, 10)
	dst = strconv.AppendInt(append(dst, `,"held":`...), a.Held, 10)
	dst = strconv.AppendInt(append(dst, `,"available":`...), a.Available, 10)
	dst = strconv.AppendInt(append(dst, `,"overdraft_limit":`...), a.OverdraftLimit, 10)
	dst = httpapi.AppendText(append(dst, `,"status":`...), a.Status)
	dst = strconv.AppendInt(append(dst, `,"version":`...), a.Version, 10)
	dst = appendTime(append(dst, `,"opened_at":`...), a.OpenedAt)
	dst = appendTime(append(dst, `,"updated_at":`...), a.UpdatedAt)
	dst = appendOptional(dst, `,"freeze_scope":`, a.FreezeScope)
	dst = appendLimits(dst, a.Limits)
	dst = appendMetadata(dst, a.Metadata)
	dst = appendStale(dst, a.StaleSince())
	return append(dst, '}')
}

// appendLimits appends those that there are.
func appendLimits(dst []byte, l readmodel.Limits) []byte {
	if l == (readmodel.Limits{}) {
		return dst
	}
	dst = append(dst, `,"limits":`...)
	separator := byte('{')
	for _, limit := range [...]struct {
		name string
		max  int64
	}{{`"per_transaction":`, l.PerTransaction}, {`"per_day":`, l.PerDay}, {`"per_month":`, l.PerMonth}} {
		if limit.max != 0 {
			dst = strconv.AppendInt(append(append(dst, separator), limit.name...), limit.max, 10)
			separator = ','
		}
	}
	return append(dst, '}')
}

// appendOptionalID appends a member unless there is none. The name comes with comma, quotes and colon.
func appendOptionalID(dst []byte, name string, id *uuid.UUID) []byte {
	if id == nil {
		return dst
	}
	return append(httpapi.AppendID(append(append(dst, name...), '"'), *id), '"')
}

// appendUndone appends what was undone of a movement; nothing where nothing was.
func appendUndone(dst []byte, r *readmodel.TimelineRow) []byte {
	if r.ReversedAmount == 0 {
		return dst
	}
	dst = strconv.AppendInt(append(dst, `,"reversed_amount":`...), r.ReversedAmount, 10)
	dst = append(dst, `,"reversals":[`...)
	for i, id := range r.Reversals {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(httpapi.AppendID(append(dst, '"'), id), '"')
	}
	return append(dst, ']')
}

// appendStale appends nothing for an account that is not parked.
func appendStale(dst []byte, since time.Time) []byte {
	if since.IsZero() {
		return dst
	}
	return appendTime(append(dst, `,"stale":true,"stale_since":`...), since)
}

func appendRow(dst []byte, r *readmodel.TimelineRow) []byte {
	dst = httpapi.AppendID(append(dst, `{"account_id":"`...), r.AccountID)
	dst = append(dst, '"')
	if r.TransactionID != nil {
		dst = httpapi.AppendID(append(dst, `,"transaction_id":"`...), *r.TransactionID)
		dst = append(dst, '"')
	}
	dst = httpapi.AppendText(append(dst, `,"type":`...), r.Type)
	dst = httpapi.AppendText(append(dst, `,"direction":`...), r.Direction)
	if r.Amount != nil {
		dst = strconv.AppendInt(append(dst, `,"amount":`...), *r.Amount, 10)
	}
	dst = httpapi.AppendText(append(dst, `,"currency":`...), r.Currency)
	dst = strconv.AppendInt(append(dst, `,"balance":`...), r.Balance, 10)
	dst = strconv.AppendInt(append(dst, `,"held":`...), r.Held, 10)
	if r.HeldChange != nil {
		dst = strconv.AppendInt(append(dst, `,"held_change":`...), *r.HeldChange, 10)
	}
	dst = appendOptionalID(dst, `,"counterparty_account_id":`, r.CounterpartyID)
	dst = appendOptionalID(dst, `,"hold_id":`, r.HoldID)
	dst = appendOptionalID(dst, `,"payment_id":`, r.PaymentID)
	dst = appendOptionalID(dst, `,"reverses":`, r.ReversesID)
	dst = appendUndone(dst, r)
	dst = appendOptional(dst, `,"reference":`, r.Reference)
	dst = appendOptional(dst, `,"description":`, r.Description)
	dst = appendOptional(dst, `,"detail":`, r.Detail)
	dst = strconv.AppendInt(append(dst, `,"version":`...), r.Version, 10)
	dst = strconv.AppendInt(append(dst, `,"position":`...), r.Position, 10)
	dst = httpapi.AppendID(append(dst, `,"event_id":"`...), r.EventID)
	dst = appendTime(append(dst, `","effective_at":`...), r.EffectiveAt)
	dst = appendTime(append(dst, `,"recorded_at":`...), r.RecordedAt)
	dst = appendMetadata(dst, r.Metadata)
	return append(dst, '}')
}

// appendOptional appends a member unless it is empty. The name comes with comma, quotes and colon.
func appendOptional(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return httpapi.AppendText(append(dst, name...), text)
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = t.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano)
	return append(dst, '"')
}

func appendMetadata(dst []byte, metadata map[string]string) []byte {
	if len(metadata) == 0 {
		return dst
	}
	dst = append(dst, `,"metadata":`...)
	separator := byte('{')
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		dst = httpapi.AppendText(append(dst, separator), name)
		dst = httpapi.AppendText(append(dst, ':'), metadata[name])
		separator = ','
	}
	return append(dst, '}')
}

// list is a page of anything that can be appended.
type list[T any] struct {
	rows []T
	each func(dst []byte, row *T) []byte
	next string // cursor; "" on the last page
	// staleSince is set when all of it is of a parked account.
	staleSince time.Time
}

func (l list[T]) append(dst []byte) []byte {
	dst = append(dst, `{"data":[`...)
	for i := range l.rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = l.each(dst, &l.rows[i])
	}
	dst = strconv.AppendBool(append(dst, `],"has_more":`...), l.next != "")
	dst = appendOptional(dst, `,"next_cursor":`, l.next)
	dst = appendStale(dst, l.staleSince)
	return append(dst, '}')
}
