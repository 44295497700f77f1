-- +goose Up

-- Projection "balances": what each account is now. version is that of the last event applied, the guard against an event
-- applied twice or skipped.
CREATE TABLE readmodel.balances (
    account_id      uuid        NOT NULL CONSTRAINT balances_account PRIMARY KEY, -- also the order of the unfiltered list
    balance         bigint      NOT NULL,
    held            bigint      NOT NULL,
    overdraft_limit bigint      NOT NULL CHECK (overdraft_limit >= 0),
    version         bigint      NOT NULL CHECK (version > 0),
    position        bigint      NOT NULL CHECK (position > 0),
    opened_at       timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    currency        text COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    status          text COLLATE "C" NOT NULL CHECK (status IN ('open', 'frozen', 'closed')),
    freeze_scope    text COLLATE "C" NOT NULL CHECK (freeze_scope IN ('', 'all', 'debit')),
    owner_id        text COLLATE "C" NOT NULL,
    owner_name      text        NOT NULL,
    metadata        json        NOT NULL,
    CONSTRAINT balances_freeze CHECK ((status = 'frozen') = (freeze_scope <> ''))
) WITH (fillfactor = 70); -- a movement changes no indexed column: with room on the page it touches no index

-- The accounts of one owner, in list order.
CREATE INDEX balances_owner ON readmodel.balances (owner_id, account_id);

-- The list by status or by currency. Without them a rare value (the few frozen accounts) is a walk through all accounts.
CREATE INDEX balances_status ON readmodel.balances (status, account_id);
CREATE INDEX balances_currency ON readmodel.balances (currency, account_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON readmodel.balances TO passbook_projector;
GRANT SELECT ON readmodel.balances TO passbook_query;
