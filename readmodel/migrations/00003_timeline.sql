-- +goose Up

-- Projection "timeline": one row an event, each with the balance after it. amount is signed (money in is positive) and null
-- where no money moved. Fixed-width columns first: no padding between them.
CREATE TABLE readmodel.timeline (
    account_id     uuid        NOT NULL,
    event_id       uuid        NOT NULL,
    transaction_id uuid,
    position       bigint      NOT NULL CHECK (position > 0),
    version        bigint      NOT NULL CHECK (version > 0),
    balance        bigint      NOT NULL,
    held           bigint      NOT NULL,
    amount         bigint,
    effective_at   timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    type           text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    reference      text        NOT NULL,
    detail         text        NOT NULL,
    metadata       json,
    -- The pages of an account, newest first, the balance at a recorded time (its last row up to a position) and the row that
    -- the next one follows: each of them a range of this key.
    CONSTRAINT timeline_account_position PRIMARY KEY (account_id, position)
);

-- Sums by value date. The amount rides in the index, so that they never visit the table.
CREATE INDEX timeline_effective ON readmodel.timeline (account_id, effective_at) INCLUDE (amount) WHERE amount IS NOT NULL;

-- A page filtered by types that are rare in most accounts. For deposits and withdrawals, which fill a page soon, the key does.
CREATE INDEX timeline_uncommon ON readmodel.timeline (account_id, position) WHERE type NOT IN ('deposit', 'withdrawal');

GRANT SELECT, INSERT, UPDATE, DELETE ON readmodel.timeline TO passbook_projector;
GRANT SELECT ON readmodel.timeline TO passbook_query;
