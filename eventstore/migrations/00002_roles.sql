-- +goose Up

-- One role a binary, least privilege. Roles belong to the cluster, migrations to a database: another database's migration
-- may have made them, or be making them at this moment.
-- +goose StatementBegin
DO $$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['passbook_command', 'passbook_projector', 'passbook_query'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
                EXECUTE format('CREATE ROLE %I LOGIN', r);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        -- Whoever migrates may drop to each role: the binaries do, also under one login for all. A superuser may anyway.
        BEGIN
            IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND r <> current_user THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', r);
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN NULL; -- then each binary has a login of its own
        END;
    END LOOP;
END $$;
-- +goose StatementEnd

REVOKE ALL ON log_head, events, idempotency_keys, snapshots, leases FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO passbook_command, passbook_projector, passbook_query;

GRANT SELECT, INSERT ON events, idempotency_keys TO passbook_command;
GRANT SELECT, UPDATE ON log_head TO passbook_command;
GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots, leases TO passbook_command;

GRANT SELECT ON events, log_head TO passbook_projector;
GRANT SELECT, INSERT, UPDATE, DELETE ON leases TO passbook_projector;

GRANT SELECT ON events, log_head, leases TO passbook_query;
