-- +goose Up

-- What the process knows of its own work: which payments are open and what is next for them, which holds expire when. All of it
-- is made from the log, but for the counting of attempts, and may be emptied at any time, with the checkpoint set to 0.
CREATE SCHEMA process;
REVOKE ALL ON SCHEMA process FROM PUBLIC;
GRANT USAGE ON SCHEMA process TO passbook_command;

-- How far the log has been followed. epoch is the fencing token of the lease of whoever did it last.
CREATE TABLE process.checkpoint (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL CHECK (position >= 0),
    epoch    bigint  NOT NULL
);
INSERT INTO process.checkpoint (position, epoch) VALUES (0, 0);

-- One row a payment that has no outcome as of the checkpoint. state and progress are what the program goes by, the columns
-- before them what people and indexes do.
CREATE TABLE process.payments (
    payment_id uuid        PRIMARY KEY,
    account_id uuid        NOT NULL,
    status     text        NOT NULL,
    stuck      boolean     NOT NULL,
    deadline   timestamptz NOT NULL,
    attempts   integer     NOT NULL, -- in vain, one after another
    last_error text        NOT NULL,
    next_step  text        NOT NULL,
    due_at     timestamptz NOT NULL,
    turn       bigint      NOT NULL, -- counts the changes of the row
    fold       text        NOT NULL, -- of the state
    state      json        NOT NULL,
    progress   json        NOT NULL
);
CREATE INDEX payments_due_at ON process.payments (due_at);

-- One row a hold that is open and expires.
CREATE TABLE process.holds (
    hold_id    uuid        PRIMARY KEY,
    account_id uuid        NOT NULL,
    expires_at timestamptz NOT NULL,
    attempts   integer     NOT NULL,
    last_error text        NOT NULL,
    due_at     timestamptz NOT NULL
);
CREATE INDEX holds_due_at ON process.holds (due_at);

GRANT SELECT, UPDATE ON process.checkpoint TO passbook_command;
GRANT SELECT, INSERT, UPDATE, DELETE ON process.payments, process.holds TO passbook_command;

-- What the process reads of the log, and nothing else: appending any other event does not touch this index.
CREATE INDEX events_process ON public.events (position) WHERE type LIKE 'payment.%' OR type LIKE 'hold.%';
