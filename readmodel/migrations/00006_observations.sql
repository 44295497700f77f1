-- +goose Up

-- What is seen of the machinery from outside, about twice a second. All of it may be deleted: it costs rates and times, never truth.

-- When a projection, the relay or the log stood where: the ring from which rates are computed, and the time at which an event
-- was applied is known without a row an event. at is when the position was reached, not when it was looked at. Dense for an hour,
-- one a minute for a week.
CREATE TABLE readmodel.marks (
    position   bigint      NOT NULL CHECK (position > 0),
    at         timestamptz NOT NULL,
    event_id   uuid        NOT NULL, -- of the event at the position: tells whether the log still has the same history
    generation integer     NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    CONSTRAINT marks_subject PRIMARY KEY (subject, generation, position)
);
CREATE INDEX marks_at ON readmodel.marks (at);

-- The JetStream stream as a projector saw it last. The query API has no connection to NATS: it reads this row.
CREATE TABLE readmodel.transport (
    only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    observed_at timestamptz NOT NULL,
    observer    text        NOT NULL,
    seen        jsonb       NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON readmodel.marks, readmodel.transport TO passbook_projector;
GRANT SELECT ON readmodel.marks, readmodel.transport TO passbook_query;

-- What the restore doctor looks at: whether answers and snapshots are past the end of the log. Snapshots can always be thrown away.
GRANT SELECT (position) ON public.idempotency_keys TO passbook_projector;
GRANT SELECT (stream_id, version), DELETE ON public.snapshots TO passbook_projector;
