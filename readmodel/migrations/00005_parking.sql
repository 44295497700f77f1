-- +goose Up

-- How many accounts a generation has set aside, and how often that has changed: who finds the number moved reads the list anew.
-- Both stand here because this row is read anyway: with nothing parked nobody looks further.
ALTER TABLE readmodel.checkpoints
    ADD COLUMN parked  integer NOT NULL DEFAULT 0 CHECK (parked >= 0),
    ADD COLUMN parking bigint  NOT NULL DEFAULT 0;

-- One row an account that a generation of a projection has set aside, because one of its events cannot be applied. The rows of
-- the account are the fold of its events up to version; those behind wait in the log, where they are found by the account and
-- their versions.
CREATE TABLE readmodel.parked (
    account_id   uuid        NOT NULL,
    event_id     uuid        NOT NULL,
    version      bigint      NOT NULL CHECK (version >= 0),  -- applied last
    position     bigint      NOT NULL CHECK (position > 0),  -- of the event that cannot be applied
    stale_since  timestamptz NOT NULL,                       -- when it was recorded: from then on the rows are not what the account is
    first_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts     integer     NOT NULL CHECK (attempts > 0),
    generation   integer     NOT NULL,
    projection   text        NOT NULL,
    event_type   text        NOT NULL,
    class        text        NOT NULL CHECK (class IN ('unreadable', 'refused', 'out_of_order', 'panic', 'database', 'killed')),
    cause        text        NOT NULL CHECK (cause <> ''),
    build        text        NOT NULL, -- of the code that tried last
    trying       text        NOT NULL DEFAULT '', -- the instance that tries it right now, or died with it
    CONSTRAINT parked_account PRIMARY KEY (projection, generation, account_id),
    CONSTRAINT parked_generation FOREIGN KEY (projection, generation) REFERENCES readmodel.checkpoints ON DELETE CASCADE
);

-- Events that an operator decided to pass over. A generation that can apply such an event does; one that cannot goes on behind
-- it. A rebuild does not ask again.
CREATE TABLE readmodel.skipped (
    account_id   uuid        NOT NULL,
    event_id     uuid        NOT NULL,
    version      bigint      NOT NULL CHECK (version > 0),
    position     bigint      NOT NULL CHECK (position > 0),
    skipped_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    projection   text        NOT NULL,
    class        text        NOT NULL,
    cause        text        NOT NULL,
    skipped_by   text        NOT NULL CHECK (skipped_by <> ''),
    reason       text        NOT NULL CHECK (reason <> ''),
    CONSTRAINT skipped_event PRIMARY KEY (projection, account_id, version)
);

-- What a projector that had just started was about to fold. A row that says so (trying), found by the next one, means that the
-- process died with it. deaths counts those, alone those with a single event.
CREATE TABLE readmodel.attempts (
    after        bigint      NOT NULL,
    until        bigint      NOT NULL, -- what is suspected lies between the two
    begun_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    size         integer     NOT NULL CHECK (size > 0),
    deaths       integer     NOT NULL,
    alone        integer     NOT NULL,
    generation   integer     NOT NULL,
    trying       boolean     NOT NULL,
    projection   text        NOT NULL,
    holder       text        NOT NULL,
    CONSTRAINT attempts_generation PRIMARY KEY (projection, generation)
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON readmodel.parked, readmodel.skipped, readmodel.attempts TO passbook_projector;
GRANT SELECT ON readmodel.parked, readmodel.skipped, readmodel.attempts TO passbook_query;
