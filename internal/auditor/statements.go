package auditor

import (
	"github.com/jackc/pgx/v5"

	"passbook/eventstore"
)

const (
	selectHead = `SELECT head.position, (SELECT coalesce(max(position), 0) FROM events), (SELECT count(*) FROM events) FROM log_head head`

	// selectEnds is the same without counting, for a look at some accounts.
	selectEnds = `SELECT head.position, coalesce((SELECT e.position FROM events e ORDER BY e.position DESC LIMIT 1), 0), 0 FROM log_head head`

	selectCheckpoints = `SELECT projection, generation, position FROM readmodel.checkpoints WHERE place = $1 ORDER BY projection`

	selectParked = `SELECT p.projection, p.account_id, p.version, p.position, p.stale_since, p.class, p.cause
FROM readmodel.parked p JOIN readmodel.checkpoints c USING (projection, generation) WHERE c.place = $1 ORDER BY p.projection, p.position`

	selectSkipped = `SELECT projection, account_id, version, position, reason FROM readmodel.skipped ORDER BY projection, position`

	// selectDisorder walks the log once in its own order.
	selectDisorder = `
SELECT position, previous, recorded_at, previous_at FROM (
    SELECT position, recorded_at, lag(position, 1, 0::bigint) OVER log AS previous, lag(recorded_at, 1, '-infinity') OVER log AS previous_at
    FROM events WINDOW log AS (ORDER BY position)
) AS pairs WHERE position <> previous + 1 OR recorded_at < previous_at ORDER BY position`

	selectRepeatedIDs = `SELECT event_id::text, count(*), min(position) FROM events GROUP BY event_id HAVING count(*) > 1 ORDER BY 3`

	selectEvents  = `SELECT position, stream_type, stream_id, version, type, schema, data, event_id, effective_at, recorded_at FROM events`
	declareEvents = `DECLARE audited_events NO SCROLL CURSOR FOR ` + selectEvents + ` ORDER BY stream_id, version`
	declareRange  = `DECLARE audited_events NO SCROLL CURSOR FOR ` + selectEvents + ` WHERE stream_id > $1 AND stream_id <= $2 ORDER BY stream_id, version`
	fetchEvents   = `FETCH FORWARD 2000 FROM audited_events`

	// Without the tables' names: they are those of the place that the search path names. SET takes no snapshot.
	pathLive     = `SET LOCAL search_path = readmodel, public`
	pathNext     = `SET LOCAL search_path = readmodel_next, public`
	pathPrevious = `SET LOCAL search_path = readmodel_previous, public`
)

func scanEvent(rows pgx.Rows, e *eventstore.Event) error {
	err := rows.Scan(&e.Position, &e.StreamType, (*[16]byte)(&e.StreamID), &e.Version, &e.Type, &e.Schema, (*[]byte)(&e.Data),
		(*[16]byte)(&e.ID), &e.EffectiveAt, &e.RecordedAt)
	e.EffectiveAt, e.RecordedAt = e.EffectiveAt.UTC(), e.RecordedAt.UTC()
	return err
}
