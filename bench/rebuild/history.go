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
	"passbook/domain/bank"
	"passbook/domain/money"
	"passbook/domain/reversal"
	"passbook/domain/transfer"
)

// history is a log that could have happened: every event was decided by the domain, by the history of its account. It is not
// appended command by command but copied into an empty log, some hundred thousand events a second.
type history struct {
	random   *rand.Rand
	accounts []account.State
	opened   int
	left     int
	at       time.Time // of the last decision
	pending  []step
	moved    []movement // some of late
	undone   map[uuid.UUID]reversal.State
	row      []any
	err      error
	position int64
}

// movement is one that may be undone, and its account.
type movement struct {
	bank.Original
	of *account.State
}

// step is an event to be added: of an account, or of a transaction that is undone.
type step struct {
	of     *account.State
	event  account.Event
	undoes uuid.UUID
	undone reversal.Reversed
}

var euro = money.MustCurrency("EUR")

var eventColumns = []string{"position", "version", "effective_at", "recorded_at", "event_id", "stream_id", "schema", "stream_type", "type", "data", "metadata"}

// Statements that fill a log at once. The unique key is made when all is there: checked row by row it would cost more than the rest.
const (
	dropStreamKey = `ALTER TABLE events DROP CONSTRAINT events_stream_version`
	addStreamKey  = `ALTER TABLE events ADD CONSTRAINT events_stream_version UNIQUE (stream_id, version)`
	setHead       = `UPDATE log_head SET position = $1, recorded_at = $2, event_id = (SELECT event_id FROM events WHERE position = $1)`
)

// writeHistory fills an empty log with so many events of so many accounts.
func writeHistory(ctx context.Context, conn *pgx.Conn, events, accounts int, seed uint64) error {
	h := &history{
		random: rand.New(rand.NewPCG(seed, 1)), accounts: make([]account.State, accounts), left: events, //nolint:gosec // a seed must repeat it
		undone: map[uuid.UUID]reversal.State{},
		at:     time.Now().UTC().Truncate(time.Microsecond).Add(-time.Duration(events) * 10 * time.Millisecond),
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

// decide asks something of an account, as often as not of one that is not open yet until all are. What is decided at once is booked
// at one time.
func (h *history) decide() {
	h.at = h.at.Add(10 * time.Millisecond)
	state := &h.accounts[h.random.IntN(max(1, h.opened))]
	if h.opened < len(h.accounts) && (h.opened == 0 || h.random.IntN(2) == 0) {
		state = &h.accounts[h.opened]
		h.opened++
	}
	var steps []step
	var err error
	switch n := h.random.IntN(100); {
	case state.Version > 0 && n < 6:
		steps, err = h.transfer(state, &h.accounts[h.random.IntN(h.opened)])
	case len(h.moved) > 0 && n < 8:
		steps, err = h.reverse(h.moved[h.random.IntN(len(h.moved))])
	default:
		steps, err = h.ask(state, h.command(state))
	}
	if _, refused := errors.AsType[bank.Refusal](err); refused || len(steps) > h.left {
		return
	}
	h.err, h.pending = err, steps
}

func (h *history) ask(state *account.State, c account.Command) ([]step, error) {
	events, err := account.Decide(*state, c, h.at)
	return stepsOf(state, events), err
}

func stepsOf(state *account.State, events []account.Event) []step {
	steps := make([]step, len(events))
	for i, e := range events {
		steps[i] = step{of: state, event: e}
	}
	return steps
}

func (h *history) transfer(from, to *account.State) ([]step, error) {
	sent, received, err := transfer.Decide(*from, *to, transfer.Transfer{
		TransactionID: h.id(), SourceID: from.ID, TargetID: to.ID, Money: money.Money{Amount: money.Amount(1 + h.random.IntN(40_000)), Currency: euro}, Reference: "rent",
	}, h.at)
	return append(stepsOf(from, sent), stepsOf(to, received)...), err
}

// reverse undoes a movement of one account, in part or all that is left.
func (h *history) reverse(o movement) ([]step, error) {
	c := reversal.Reverse{ReversalID: h.id(), Original: o.Money}
	if h.random.IntN(2) == 0 {
		c.Amount = new(1 + o.Money.Amount/3)
	}
	undone, err := reversal.Decide(h.undone[o.TransactionID], c)
	if err != nil {
		return nil, err
	}
	steps, err := h.ask(o.of, account.PostReversal{
		TransactionID: c.ReversalID, Reverses: o.TransactionID, Direction: o.Direction.Opposite(), Money: money.Money{Amount: undone[0].Amount, Currency: euro}, Reason: "mistake",
	})
	return append(steps, step{undoes: o.TransactionID, undone: undone[0]}), err
}

func (h *history) command(state *account.State) account.Command {
	if state.Version == 0 {
		owner := h.random.IntN(len(h.accounts)/2 + 1)
		return account.Open{AccountID: h.id(), OwnerID: fmt.Sprintf("owner-%d", owner), OwnerName: fmt.Sprintf("Owner %d", owner), Currency: euro, OverdraftLimit: 50_000}
	}
	amount := money.Money{Amount: money.Amount(1 + h.random.IntN(90_000)), Currency: euro}
	switch n := h.random.IntN(110); {
	case n >= 100:
		return h.hold(state)
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

// hold places a hold, or captures or releases one.
func (h *history) hold(state *account.State) account.Command {
	if len(state.Holds) == 0 || h.random.IntN(3) == 0 {
		return account.PlaceHold{HoldID: h.id(), Money: money.Money{Amount: money.Amount(1 + h.random.IntN(10_000)), Currency: euro}, ExpiresAt: h.at.Add(7 * 24 * time.Hour), Reference: "card"}
	}
	hold := state.Holds[h.random.IntN(len(state.Holds))]
	if h.random.IntN(3) == 0 {
		return account.ReleaseHold{HoldID: hold.ID, Reason: "void"}
	}
	return account.CaptureHold{TransactionID: h.id(), HoldID: hold.ID, Final: true, Reference: "card"}
}

// movedMax bounds what is remembered of movements.
const movedMax = 100

func (h *history) remember(of *account.State, e account.Event) {
	o, moved := bank.OriginalOf(of.ID, e)
	switch {
	case !moved || o.Irreversible || o.CounterpartyID != uuid.Nil:
	case len(h.moved) < movedMax:
		h.moved = append(h.moved, movement{o, of})
	default:
		h.moved[h.random.IntN(movedMax)] = movement{o, of}
	}
}

// add makes the next row of the log.
func (h *history) add(s step) {
	h.position++
	if s.of == nil {
		undone := reversal.Evolve(h.undone[s.undoes], s.undoes, s.undone, h.at)
		h.undone[s.undoes] = undone
		name, schema, data := reversal.Encode(s.undone)
		h.line(undone.Version, s.undoes, reversal.StreamType, name, schema, data)
		return
	}
	*s.of = account.Evolve(*s.of, s.event, h.at)
	h.remember(s.of, s.event)
	name, schema, data := account.Encode(s.event)
	h.line(s.of.Version, s.of.ID, account.StreamType, name, schema, data)
}

func (h *history) line(version int64, stream uuid.UUID, streamType, name string, schema int, data []byte) {
	id := h.id()
	h.row = []any{h.position, version, h.at, h.at, [16]byte(id), [16]byte(stream), int16(schema), streamType, name, data, []byte(historyMetadata)} //nolint:gosec // schemas are small
}

// id has the time of its making in front, as ids of version 7 do.
func (h *history) id() (id uuid.UUID) {
	ms := uint64(h.at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i)) //nolint:gosec // a byte of it after the other
	}
	for i := 6; i < 16; i += 2 {
		r := h.random.Uint32()
		id[i], id[i+1] = byte(r), byte(r>>8) //nolint:gosec // a byte of it after the other
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}
