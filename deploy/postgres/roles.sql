-- Run once by the postgres image when it makes the cluster; harmless when run again (psql 15 or later).
-- The owner changes the schema and is used by nothing that serves; each binary logs in as a role of its own, which the
-- migrations give its rights. None of them is a superuser.

\set ON_ERROR_STOP on
\getenv owner_password PASSBOOK_OWNER_PASSWORD
\getenv command_password PASSBOOK_COMMAND_PASSWORD
\getenv query_password PASSBOOK_QUERY_PASSWORD
\getenv projector_password PASSBOOK_PROJECTOR_PASSWORD
\getenv webhooks_password PASSBOOK_WEBHOOKS_PASSWORD

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['passbook_owner', 'passbook_command', 'passbook_query', 'passbook_projector', 'passbook_webhooks']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE passbook_owner     LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE passbook_command   LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'command_password';
ALTER ROLE passbook_query     LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'query_password';
ALTER ROLE passbook_projector LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'projector_password';
ALTER ROLE passbook_webhooks  LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'webhooks_password';
GRANT passbook_query TO passbook_webhooks; -- who delivers reads what readers read

SELECT 'CREATE DATABASE passbook OWNER passbook_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'passbook')
\gexec
REVOKE ALL ON DATABASE passbook FROM PUBLIC;
GRANT CONNECT ON DATABASE passbook TO passbook_command, passbook_query, passbook_projector, passbook_webhooks;
