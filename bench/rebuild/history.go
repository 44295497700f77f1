package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
)

// history is a log that could have happened: every event was decided by the domain, by the history of its account. It is not
// appended command by command but copied into an empty log, some hundred thousand events a second.
type history struct {
	random   *rand.Rand
	accounts []account.State
	opened   int
	left     int
	at       time.Time
	pending  []account.Event
	of       *account.State
	row      []any
	err      error
	position int64
}

var euro = money.MustCurrency("EUR")

var eventColumns = []string{"position", "version", "effective_at", "recorded_at", "event_id", "stream_id", "schema", "stream_type", "type", "data", "metadata"}

// Statements that fill a log at once. The unique key is made when all is there: checked row by row it would cost more than the rest.
const (
	dropStreamKey = `ALTER TABLE events DROP CONSTRAINT events_stream_version`
	addStreamKey  = `ALTER TABLE events ADD CONSTRAINT events_stream_version UNIQUE (stream_id, version)`
	setHead       = `UPDATE log_head SET position = $1, recorded_at = $2`
)

// writeHistory fills an empty log with so many events of so many accounts.
func writeHistory(ctx context.Context, conn *pgx.Conn, events, accounts int, seed uint64) error {
	h := &history{
		random: rand.New(rand.NewPCG(seed, 1)), accounts: make([]account.State, accounts), left: events,
		at: time.Now().UTC().Truncate(time.Microsecond).Add(-time.Duration(events) * 10 * time.Millisecond),
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, dropStreamKey); err != nil {
		return err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"events"}, eventColumns, h); err != nil {
		return fmt.Errorf("copy the history: %w", err)
	}
	if _, err := tx.Exec(ctx, addStreamKey); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, setHead, h.position, h.at); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE events")
	return err
}

// Next implements pgx.CopyFromSource.
func (h *history) Next() bool {
	if h.left == 0 {
		return false
	}
	for len(h.pending) == 0 {
		if h.decide(); h.err != nil {
			return false
		}
	}
	h.left--
	h.add(h.pending[0])
	h.pending = h.pending[1:]
	return true
}

// Values implements pgx.CopyFromSource.
func (h *history) Values() ([]any, error) { return h.row, nil }

// Err implements pgx.CopyFromSource.
func (h *history) Err() error { return h.err }

// decide asks something of an account, as often as not of one that is not open yet until all are.
func (h *history) decide() {
	state := &h.accounts[h.random.IntN(max(1, h.opened))]
	if h.opened < len(h.accounts) && (h.opened == 0 || h.random.IntN(2) == 0) {
		state = &h.accounts[h.opened]
		h.opened++
	}
	events, err := account.Decide(*state, h.command(state), h.at)
	if _, refused := errors.AsType[account.Refusal](err); refused {
		return
	}
	h.err, h.pending, h.of = err, events, state
}

func (h *history) command(state *account.State) account.Command {
	if state.Version == 0 {
		owner := h.random.IntN(len(h.accounts)/2 + 1)
		return account.Open{AccountID: h.id(), OwnerID: fmt.Sprintf("owner-%d", owner), OwnerName: fmt.Sprintf("Owner %d", owner), Currency: euro, OverdraftLimit: 50_000}
	}
	amount := money.Money{Amount: money.Amount(1 + h.random.IntN(90_000)), Currency: euro}
	switch n := h.random.IntN(100); {
	case n < 50:
		return account.Deposit{TransactionID: h.id(), Money: amount, Source: "transfer", Reference: "salary"}
	case n < 92:
		return account.Withdraw{TransactionID: h.id(), Money: amount, Channel: "card", Reference: "groceries and more"}
	case n < 97:
		return account.ChargeFee{TransactionID: h.id(), Money: money.Money{Amount: 250, Currency: euro}, Reason: "maintenance"}
	case n < 99:
		return account.PostInterest{TransactionID: h.id(), Money: money.Money{Amount: 75, Currency: euro}, Rate: "0.5", Period: "2025"}
	default:
		limit := money.Amount(h.random.IntN(3) * 50_000)
		return account.ChangeSettings{OverdraftLimit: &limit}
	}
}

var historyMetadata = json.RawMessage(`{"actor":"operator","correlation_id":"0198c2b5-0000-7000-8000-000000000000"}`)

// add makes the next row of the log.
func (h *history) add(event account.Event) {
	h.position++
	h.at = h.at.Add(10 * time.Millisecond)
	*h.of = account.Evolve(*h.of, event, h.at)
	name, schema, data := account.Encode(event)
	e := eventstore.Event{ID: h.id(), Type: name, Schema: schema, Data: data}
	h.row = []any{h.position, h.of.Version, h.at, h.at, [16]byte(e.ID), [16]byte(h.of.ID), int16(e.Schema), account.StreamType, e.Type, []byte(e.Data), []byte(historyMetadata)}
}

// id has the time of its making in front, as ids of version 7 do.
func (h *history) id() (id uuid.UUID) {
	ms := uint64(h.at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	for i := 6; i < 16; i += 2 {
		r := h.random.Uint32()
		id[i], id[i+1] = byte(r), byte(r>>8)
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}
