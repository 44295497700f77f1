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
    -- Pages of an account, newest first; the balance at a recorded time (the last row up to a position); the row that the next
    -- one follows: each is a range of this key. What rides along keeps sums by value date, and the search for the rows of a
    -- filtered page, in the index. Indexes of their own (by account and value date, by account and type) would make COPY
    -- half again as slow, to save reading index entries of one account.
    CONSTRAINT timeline_account_position PRIMARY KEY (account_id, position) INCLUDE (effective_at, amount, type)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON readmodel.timeline TO passbook_projector;
GRANT SELECT ON readmodel.timeline TO passbook_query;
