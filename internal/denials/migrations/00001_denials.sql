-- +goose Up

-- What was asked and not granted: refused commands, denied reads, tokens that let nobody in. It is kept apart from the log, which
-- has what happened, and from the read models, which may be dropped.
CREATE SCHEMA audit;
GRANT USAGE ON SCHEMA audit TO passbook_command, passbook_query, passbook_projector;

-- One row a denial, or one for many that were alike (times). There is no text of a request in it but its id and what the program
-- calls itself. The id is made by the writer: a row that is sent again, because nobody knows whether it arrived, stands once.
CREATE TABLE audit.denials (
    id         uuid        NOT NULL,
    denied_at  timestamptz NOT NULL, -- of many the first
    times      bigint      NOT NULL CHECK (times > 0),
    api        text        NOT NULL CHECK (api <> ''),
    code       text        NOT NULL CHECK (code <> ''), -- of the problem; "omitted" of those that nothing else is known of
    status     smallint    NOT NULL,
    method     text        NOT NULL,
    route      text        NOT NULL, -- as the document has it, without ids
    about      uuid,                 -- the id in the path, or the account of the command
    issuer     text        NOT NULL,
    actor      text        NOT NULL, -- subject of the token; empty when there was no good one
    client     text        NOT NULL,
    user_agent text        NOT NULL,
    address    text        NOT NULL,
    request_id text        NOT NULL,
    CONSTRAINT denials_id PRIMARY KEY (id)
);
CREATE INDEX denials_by_time ON audit.denials (denied_at, id);
CREATE INDEX denials_by_actor ON audit.denials (actor, denied_at, id);
CREATE INDEX denials_by_code ON audit.denials (code, denied_at, id);

CREATE TRIGGER denials_append_only BEFORE UPDATE OR TRUNCATE ON audit.denials
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

REVOKE ALL ON audit.denials FROM PUBLIC;
GRANT INSERT ON audit.denials TO passbook_command;
GRANT SELECT, INSERT ON audit.denials TO passbook_query;

-- Nobody may delete a row. What has been kept long enough is forgotten by this function, and nothing younger than 30 days is, however
-- it is called.
-- +goose StatementBegin
CREATE FUNCTION audit.forget_denials(before timestamptz, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (
        DELETE FROM audit.denials WHERE id IN (
            SELECT d.id FROM audit.denials d
            WHERE d.denied_at < least(before, clock_timestamp() - interval '30 days')
            ORDER BY d.denied_at, d.id LIMIT most
        ) RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION audit.forget_denials(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.forget_denials(timestamptz, integer) TO passbook_projector;
