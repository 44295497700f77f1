package queryapi

import (
	"maps"
	"slices"
	"strconv"
	"time"

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
	dst = appendMetadata(dst, a.Metadata)
	dst = appendStale(dst, a.StaleSince())
	return append(dst, '}')
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
