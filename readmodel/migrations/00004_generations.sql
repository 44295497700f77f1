-- +goose Up

-- The tables of a generation stand in the schema of its place, under the same names in each: readmodel is the one that readers
-- see. A switch moves tables from schema to schema, in one transaction with what the checkpoints say.
CREATE SCHEMA readmodel_next;     -- being built
CREATE SCHEMA readmodel_previous; -- served before, kept up to date for a rollback
CREATE SCHEMA readmodel_swap;     -- holds nothing but what a rollback has in its hands

-- The projector makes, fills, moves and drops the tables of generations, so they are its own. Whoever migrates must be a member
-- of the role, or a superuser: see the event store's migrations.
GRANT USAGE, CREATE ON SCHEMA readmodel, readmodel_next, readmodel_previous, readmodel_swap TO passbook_projector;
ALTER TABLE readmodel.balances OWNER TO passbook_projector;
ALTER TABLE readmodel.timeline OWNER TO passbook_projector;

ALTER TABLE readmodel.checkpoints
    ADD COLUMN place text NOT NULL DEFAULT 'live' CHECK (place IN ('next', 'live', 'previous')),
    ADD CONSTRAINT checkpoints_live_place CHECK (live = (place = 'live')),
    -- Deferred: a rollback changes two places at once.
    ADD CONSTRAINT checkpoints_place UNIQUE (projection, place) DEFERRABLE INITIALLY DEFERRED;

-- A rebuild under way, from its first step to the switch.
CREATE TABLE readmodel.rebuilds (
    projection  text        NOT NULL,
    generation  integer     NOT NULL,
    phase       text        NOT NULL CHECK (phase IN ('replay', 'index', 'catch_up', 'differs')),
    through     bigint      NOT NULL CHECK (through >= 0), -- the replay ends here, the rest is applied as it always is
    started_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    started_by  text        NOT NULL,
    cancelled   boolean     NOT NULL DEFAULT false,
    finding     text        NOT NULL DEFAULT '', -- what the comparison found, in phase differs
    CONSTRAINT rebuilds_projection PRIMARY KEY (projection)
);

-- How far the replay of each part of all accounts has come: it changes in one transaction with the rows it speaks of.
CREATE TABLE readmodel.rebuild_shards (
    projection  text        NOT NULL,
    shard       integer     NOT NULL CHECK (shard >= 0),
    position    bigint      NOT NULL CHECK (position >= 0),
    done        boolean     NOT NULL DEFAULT false,
    CONSTRAINT rebuild_shards_shard PRIMARY KEY (projection, shard),
    CONSTRAINT rebuild_shards_rebuild FOREIGN KEY (projection) REFERENCES readmodel.rebuilds ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON readmodel.rebuilds, readmodel.rebuild_shards TO passbook_projector;
GRANT SELECT ON readmodel.rebuilds, readmodel.rebuild_shards TO passbook_query;
