-- +goose Up

CREATE SCHEMA readmodel;
GRANT USAGE ON SCHEMA readmodel TO passbook_projector, passbook_query;

-- One row a generation of a projection: the rows of its tables are the fold of the log up to this position, because both
-- change in one transaction. Readers are served by the live generation.
CREATE TABLE readmodel.checkpoints (
    position     bigint      NOT NULL CHECK (position >= 0),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    generation   integer     NOT NULL CHECK (generation > 0),
    code_version integer     NOT NULL CHECK (code_version > 0),
    live         boolean     NOT NULL,
    projection   text        NOT NULL CHECK (projection <> ''),
    state        text        NOT NULL CHECK (state IN ('running', 'stopped')),
    cause        text        NOT NULL,
    CONSTRAINT checkpoints_generation PRIMARY KEY (projection, generation),
    CONSTRAINT checkpoints_cause CHECK ((state = 'stopped') = (cause <> ''))
) WITH (fillfactor = 50); -- updated by every transaction of a projector: room for it to stay on its page

-- At most one generation of a projection serves readers.
CREATE UNIQUE INDEX checkpoints_live ON readmodel.checkpoints (projection) WHERE live;

GRANT SELECT, INSERT, UPDATE, DELETE ON readmodel.checkpoints TO passbook_projector;
GRANT SELECT ON readmodel.checkpoints TO passbook_query;

-- The position of the last event recorded at or before a moment, 0 when there is none. recorded_at never decreases with the
-- position, so this is a binary search over the log's primary key: some twenty look-ups, whatever the size of the log. With
-- it a time range of any read model is a range of its positions and needs no index of its own.
-- +goose StatementBegin
CREATE FUNCTION readmodel.position_at(moment timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    low      bigint := 0;
    high     bigint;
    middle   bigint;
    recorded timestamptz;
BEGIN
    SELECT position INTO STRICT high FROM public.log_head;
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        SELECT recorded_at INTO STRICT recorded FROM public.events WHERE position = middle;
        IF recorded <= moment THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END $$;
-- +goose StatementEnd
