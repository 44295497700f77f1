-- +goose Up

-- Projection "approvals": one row a command that waits, or waited, for a second person. It is made of the streams of approvals.
CREATE TABLE readmodel.approvals (
    approval_id  uuid        NOT NULL CONSTRAINT approvals_approval PRIMARY KEY, -- also the order of the lists, newest last
    account_id   uuid        NOT NULL,
    amount       bigint      NOT NULL CHECK (amount > 0),
    version      bigint      NOT NULL CHECK (version > 0),
    position     bigint      NOT NULL CHECK (position > 0),
    requested_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL, -- from then on one that is pending has expired, whatever its status says
    updated_at   timestamptz NOT NULL,
    effective_at timestamptz,          -- value date that was asked for
    decided_at   timestamptz,
    currency     text COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    kind         text COLLATE "C" NOT NULL, -- of the command
    status       text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired')),
    maker        text        NOT NULL,
    decided_by   text        NOT NULL, -- empty until it is, and of one that expired
    reason       text        NOT NULL, -- of the decision
    command      json        NOT NULL, -- what waits
    CONSTRAINT approvals_decided CHECK ((decided_at IS NOT NULL) = (status <> 'pending')),
    CONSTRAINT approvals_checker CHECK (decided_by <> maker)
) WITH (fillfactor = 80);

CREATE INDEX approvals_account ON readmodel.approvals (account_id, approval_id);
CREATE INDEX approvals_maker ON readmodel.approvals (maker, approval_id);
CREATE INDEX approvals_status ON readmodel.approvals (status, approval_id);

ALTER TABLE readmodel.approvals OWNER TO passbook_projector;
GRANT SELECT ON readmodel.approvals TO passbook_query;
