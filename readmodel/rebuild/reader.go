package rebuild

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/domain/bank"
	"passbook/eventstore"
	"passbook/internal/eventcodec"
	"passbook/readmodel"
)

// segmentEvents is how much of the log is read by one statement. A statement for all of it would hold its snapshot for as long,
// and no row that was changed meanwhile could be cleared away. A variable for tests, as are the bounds of replay.go.
var segmentEvents int64 = 16_384

// segment is a run of the log, decoded and parted by stream.
type segment struct {
	after, through int64
	shards         [][]readmodel.Event // by shard, what any of the projections is made of; nil where the shard is not of this pass
	err            error
	ready          chan struct{} // closed when the rest is set
}

// reader reads segments and decodes them. It is safe for concurrent use.
type reader struct {
	pool       *pgxpool.Pool
	decoder    readmodel.Decoder
	projectors []readmodel.Projector // what they are made of is decoded
	shards     int                   // of all streams
	from, to   int                   // the shards of this pass: from <= shard < to
}

// wants reports whether any of the projections is made of such an event.
func (r *reader) wants(e *eventstore.Event) bool {
	return slices.ContainsFunc(r.projectors, func(p readmodel.Projector) bool { return p.Wants(e) })
}

// metadata reports whether any of them reads it.
func (r *reader) metadata() bool {
	return slices.ContainsFunc(r.projectors, func(p readmodel.Projector) bool { return p.Metadata })
}

// Statements of the reader, by hand: they are read as they come over the wire. The planner must not be tempted by statistics of a
// log that has grown since.
const (
	beginRead = `begin read only; set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off`

	selectSegment = `
SELECT position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, NULL::json
FROM events WHERE position > $1 AND position <= $2 ORDER BY position`

	selectSegmentWithMetadata = `
SELECT position, version, effective_at, recorded_at, event_id, stream_id, schema, stream_type, type, data, metadata
FROM events WHERE position > $1 AND position <= $2 ORDER BY position`
)

// read fills the segment.
func (r *reader) read(ctx context.Context, s *segment) {
	defer close(s.ready)
	s.shards = make([][]readmodel.Event, r.shards)
	expected := int(s.through-s.after)/max(1, r.shards) + 64
	for i := r.from; i < r.to; i++ {
		s.shards[i] = make([]readmodel.Event, 0, expected)
	}
	s.err = pgx.BeginTxFunc(ctx, r.pool, pgx.TxOptions{BeginQuery: beginRead}, func(tx pgx.Tx) error { return r.rows(ctx, tx, s) })
	if s.err != nil {
		s.err = fmt.Errorf("read events %d to %d: %w", s.after+1, s.through, s.err)
	}
}

func (r *reader) rows(ctx context.Context, tx pgx.Tx, s *segment) error {
	sql := selectSegment
	if r.metadata() {
		sql = selectSegmentWithMetadata
	}
	rows, err := tx.Query(ctx, sql, pgx.QueryResultFormats{pgx.BinaryFormatCode}, s.after, s.through)
	if err != nil {
		return err
	}
	defer rows.Close()
	last := s.after
	for rows.Next() {
		var stored eventstore.Event
		if err := scan(rows.RawValues(), &stored); err != nil {
			return err
		}
		if stored.Position != last+1 {
			return fmt.Errorf("the log has a gap: event %d follows event %d", stored.Position, last)
		}
		last = stored.Position
		shard := readmodel.Shard(stored.StreamID, r.shards)
		if shard < r.from || shard >= r.to || !r.wants(&stored) {
			continue
		}
		e := readmodel.DecodeEvent(r.decoder, stored)
		e.Data = nil // it is the connection's memory, and was read
		s.shards[shard] = append(s.shards[shard], e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if last != s.through {
		return fmt.Errorf("the log ends at %d", last)
	}
	return nil
}

// Texts that stand in every event, so that each is not made anew.
var known = func() map[string]string {
	texts := map[string]string{}
	for _, t := range bank.Types() {
		texts[t.StreamType] = t.StreamType
		for _, name := range eventcodec.StoredTypes(t.Name) {
			texts[name] = name
		}
	}
	return texts
}()

func text(raw []byte) string {
	if t, ok := known[string(raw)]; ok {
		return t
	}
	return string(raw)
}

// scan reads the columns of selectSegment in Postgres' binary format. Data stays the connection's memory.
func scan(raw [][]byte, e *eventstore.Event) error {
	if len(raw) != 11 || len(raw[0]) != 8 || len(raw[1]) != 8 || len(raw[2]) != 8 || len(raw[3]) != 8 ||
		len(raw[4]) != 16 || len(raw[5]) != 16 || len(raw[6]) != 2 {
		return fmt.Errorf("a row of the log is not as it was asked for: %d columns", len(raw))
	}
	e.Position, e.Version = number(raw[0]), number(raw[1])
	e.EffectiveAt, e.RecordedAt = moment(raw[2]), moment(raw[3])
	copy(e.ID[:], raw[4])
	copy(e.StreamID[:], raw[5])
	e.Schema = int(binary.BigEndian.Uint16(raw[6]))
	e.StreamType, e.Type, e.Data = text(raw[7]), text(raw[8]), raw[9]
	if raw[10] != nil {
		e.Metadata = append([]byte(nil), raw[10]...)
	}
	return nil
}

func number(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw)) } //nolint:gosec // the bits of a bigint

// postgresEpoch is what times are counted from, in microseconds: the first moment of 2000.
const postgresEpoch = 946_684_800_000_000

func moment(raw []byte) time.Time { return time.UnixMicro(postgresEpoch + number(raw)).UTC() }
