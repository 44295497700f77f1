-- +goose Up

-- The role of those who deliver: it sees what the query API sees, and beside that keeps deliveries and a lease. As with the other
-- roles (see the event store's migrations), another database's migration may have made it, or whoever set the cluster up.
-- +goose StatementBegin
DO $$
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'passbook_webhooks') THEN
            CREATE ROLE passbook_webhooks LOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    BEGIN
        IF NOT pg_has_role('passbook_webhooks', 'passbook_query', 'MEMBER') THEN
            GRANT passbook_query TO passbook_webhooks;
        END IF;
    EXCEPTION WHEN unique_violation THEN NULL;
    END;
    BEGIN
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND current_user <> 'passbook_webhooks' THEN
            GRANT passbook_webhooks TO CURRENT_USER;
        END IF;
    EXCEPTION WHEN insufficient_privilege THEN NULL; -- then it has a login of its own
    END;
END $$;
-- +goose StatementEnd

CREATE SCHEMA webhook;
REVOKE ALL ON SCHEMA webhook FROM PUBLIC;
GRANT USAGE ON SCHEMA webhook TO passbook_command, passbook_query, passbook_webhooks;

-- Who wants to be told of what, and where.
CREATE TABLE webhook.subscriptions (
    webhook_id    uuid        CONSTRAINT subscriptions_id PRIMARY KEY,
    created_by    text        NOT NULL, -- issuer and subject
    owned_by      text        NOT NULL, -- the one owner whose accounts it is about; '': every account
    account_id    uuid,                 -- the one account it is about; null: all of them
    url           text        NOT NULL CHECK (octet_length(url) <= 2048),
    event_types   text[]      NOT NULL, -- of the timeline; empty: all
    description   text        NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL, -- by a caller
    revision      bigint      NOT NULL, -- counts the changes that callers made

    status        text        NOT NULL CHECK (status IN ('active', 'paused', 'disabled')),
    status_reason text        NOT NULL CHECK (status_reason IN ('', 'failing', 'gone')), -- of disabled
    -- Everything up to here that it is about has its delivery. It changes in one transaction with the rows that it speaks of.
    position      bigint      NOT NULL CHECK (position >= 0),
    failures      integer     NOT NULL, -- attempts in vain since the last one that was not
    failing_since timestamptz,          -- the first of them
    quiet_until   timestamptz NOT NULL, -- it is left alone for so long
    delivered_at  timestamptz           -- the last that arrived
);
CREATE INDEX subscriptions_created_by ON webhook.subscriptions (created_by);

-- What deliveries are signed with: the one without an end, and those before it that have not ended yet. Only those who deliver read them.
CREATE TABLE webhook.secrets (
    secret_id  bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT secrets_id PRIMARY KEY,
    webhook_id uuid        NOT NULL CONSTRAINT secrets_webhook REFERENCES webhook.subscriptions ON DELETE CASCADE,
    secret     bytea       NOT NULL CHECK (octet_length(secret) BETWEEN 24 AND 64),
    expires_at timestamptz
);
CREATE INDEX secrets_webhook ON webhook.secrets (webhook_id);

-- One row an event and subscription, with what is sent.
CREATE TABLE webhook.deliveries (
    number      bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT deliveries_number PRIMARY KEY,
    delivery_id uuid        NOT NULL CONSTRAINT deliveries_id UNIQUE, -- the webhook-id, made of subscription and event
    webhook_id  uuid        NOT NULL CONSTRAINT deliveries_webhook REFERENCES webhook.subscriptions ON DELETE CASCADE,
    position    bigint,     -- of the event; null: a test
    account_id  uuid,       -- likewise
    type        text        NOT NULL,
    payload     text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    tries       integer     NOT NULL, -- attempts since it was last put on the list,
    since       timestamptz NOT NULL, -- which was then
    attempts    integer     NOT NULL, -- in all
    due_at      timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    CONSTRAINT deliveries_event UNIQUE (webhook_id, position)
);
CREATE INDEX deliveries_due ON webhook.deliveries (webhook_id, due_at, number) WHERE state = 'pending';
CREATE INDEX deliveries_tests ON webhook.deliveries (due_at) WHERE state = 'pending' AND position IS NULL;
CREATE INDEX deliveries_listed ON webhook.deliveries (webhook_id, number);
CREATE INDEX deliveries_failed ON webhook.deliveries (webhook_id, number) WHERE state = 'failed';
CREATE INDEX deliveries_ended ON webhook.deliveries (ended_at) WHERE state <> 'pending';

-- One row an attempt.
CREATE TABLE webhook.attempts (
    delivery_id uuid        NOT NULL CONSTRAINT attempts_delivery REFERENCES webhook.deliveries (delivery_id) ON DELETE CASCADE,
    attempt     integer     NOT NULL,
    at          timestamptz NOT NULL,
    took_ms     integer     NOT NULL,
    result      text        NOT NULL,
    http_status integer,
    answer      text        NOT NULL CHECK (octet_length(answer) <= 4096), -- its first bytes
    CONSTRAINT attempts_number PRIMARY KEY (delivery_id, attempt)
);

-- What was asked for under which idempotency key, and what was answered, less the secret.
CREATE TABLE webhook.requests (
    caller      text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    answer      json,
    asked_at    timestamptz NOT NULL,
    CONSTRAINT requests_key PRIMARY KEY (caller, key)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook.subscriptions TO passbook_command;
GRANT SELECT (secret_id, webhook_id, expires_at), INSERT, UPDATE (expires_at) ON webhook.secrets TO passbook_command;
GRANT SELECT, INSERT, UPDATE ON webhook.deliveries, webhook.requests TO passbook_command;

GRANT SELECT ON webhook.subscriptions, webhook.deliveries, webhook.attempts TO passbook_query;

GRANT UPDATE (status, status_reason, position, failures, failing_since, quiet_until, delivered_at) ON webhook.subscriptions TO passbook_webhooks;
GRANT SELECT, DELETE ON webhook.secrets TO passbook_webhooks;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook.deliveries, webhook.attempts TO passbook_webhooks;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.leases TO passbook_webhooks;
