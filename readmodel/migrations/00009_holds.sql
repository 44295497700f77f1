-- +goose Up

-- Projection "holds": one row a hold, as it is now. version and position are of the last event about it on its account.
CREATE TABLE readmodel.holds (
    hold_id    uuid        NOT NULL CONSTRAINT holds_hold PRIMARY KEY,
    account_id uuid        NOT NULL,
    payment_id uuid,
    amount     bigint      NOT NULL CHECK (amount > 0),
    captured   bigint      NOT NULL CHECK (captured >= 0),
    remaining  bigint      NOT NULL CHECK (remaining >= 0), -- still held
    released   bigint      NOT NULL CHECK (released >= 0),  -- given back
    version    bigint      NOT NULL CHECK (version > 0),
    position   bigint      NOT NULL CHECK (position > 0),
    placed_at  timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz, -- null: never
    status     text COLLATE "C" NOT NULL CHECK (status IN ('placed', 'captured', 'released', 'expired')),
    currency   text COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    reference  text        NOT NULL,
    reason     text        NOT NULL, -- of the release
    metadata   json,
    CONSTRAINT holds_whole CHECK (amount = captured + remaining + released),
    CONSTRAINT holds_open CHECK ((status = 'placed') = (remaining > 0))
) WITH (fillfactor = 80);

-- The holds of an account in the order of their ids, which have the time in front; and the last version of its events that the rows have.
CREATE INDEX holds_account ON readmodel.holds (account_id, hold_id);
CREATE INDEX holds_account_version ON readmodel.holds (account_id, version);

-- The few that are open, which every event about a hold looks up.
CREATE INDEX holds_open_account ON readmodel.holds (account_id, hold_id) WHERE status = 'placed';

-- Those of a payment.
CREATE INDEX holds_payment ON readmodel.holds (payment_id) WHERE payment_id IS NOT NULL;

ALTER TABLE readmodel.holds OWNER TO passbook_projector;
GRANT SELECT ON readmodel.holds TO passbook_query;
