-- +goose Up

-- What operators did, and why. It is kept apart from the read models: those may be dropped and made again, this may not.
CREATE SCHEMA operations;
GRANT USAGE ON SCHEMA operations TO passbook_projector, passbook_query;

-- One row an action, written before it begins.
CREATE TABLE operations.actions (
    id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT actions_id PRIMARY KEY,
    began_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text        NOT NULL CHECK (actor <> ''),   -- who: as given, else the login
    login      text        NOT NULL CHECK (login <> ''),   -- user@host of the process, whatever was given
    command    text        NOT NULL CHECK (command <> ''), -- "projector rebuild"
    arguments  text[]      NOT NULL,
    reason     text        NOT NULL
);

-- How it ended, in a row of its own: nobody may change what was recorded. An action without one is under way, or its process
-- was killed.
CREATE TABLE operations.outcomes (
    action_id  bigint      NOT NULL CONSTRAINT outcomes_action PRIMARY KEY REFERENCES operations.actions,
    ended_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome    text        NOT NULL CHECK (outcome IN ('done', 'failed', 'declined')),
    detail     text        NOT NULL
);

CREATE TRIGGER actions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations.actions
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER outcomes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations.outcomes
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

GRANT SELECT, INSERT ON operations.actions, operations.outcomes TO passbook_projector;
GRANT SELECT ON operations.actions, operations.outcomes TO passbook_query;
