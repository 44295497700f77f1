-- +goose Up

-- Projection "payments": one row a payment out of the bank, as it is now. It is made of the streams of payments.
CREATE TABLE readmodel.payments (
    payment_id        uuid        NOT NULL CONSTRAINT payments_payment PRIMARY KEY, -- also the order of the lists, newest last
    account_id        uuid        NOT NULL,
    hold_id           uuid        NOT NULL,
    amount            bigint      NOT NULL CHECK (amount > 0),
    version           bigint      NOT NULL CHECK (version > 0),
    position          bigint      NOT NULL CHECK (position > 0),
    pushes            bigint      NOT NULL CHECK (pushes >= 0), -- how often somebody had it tried again
    requested_at      timestamptz NOT NULL,
    deadline          timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    submitted_at      timestamptz,
    ended_at          timestamptz, -- of the outcome
    stuck             boolean     NOT NULL,
    currency          text COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    status            text COLLATE "C" NOT NULL CHECK (status IN ('requested', 'submitted', 'settled', 'rejected', 'timed_out', 'cancelled')),
    creditor_name     text        NOT NULL,
    creditor_account  text        NOT NULL,
    creditor_agent    text        NOT NULL,
    reference         text        NOT NULL,
    gateway_reference text        NOT NULL,
    code              text        NOT NULL, -- of a rejection
    reason            text        NOT NULL, -- of the outcome
    stuck_reason      text        NOT NULL,
    metadata          json,
    contradictions    json,                 -- what the gateway said against the outcome, in order
    CONSTRAINT payments_outcome CHECK ((ended_at IS NOT NULL) = (status IN ('settled', 'rejected', 'timed_out', 'cancelled'))),
    CONSTRAINT payments_stuck CHECK (NOT (stuck AND ended_at IS NOT NULL))
) WITH (fillfactor = 80);

CREATE INDEX payments_account ON readmodel.payments (account_id, payment_id);
CREATE INDEX payments_status ON readmodel.payments (status, payment_id);

-- The few that somebody has to look after.
CREATE INDEX payments_stuck ON readmodel.payments (payment_id) WHERE stuck;

ALTER TABLE readmodel.payments OWNER TO passbook_projector;
GRANT SELECT ON readmodel.payments TO passbook_query;
