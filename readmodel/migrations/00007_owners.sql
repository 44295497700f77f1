-- +goose Up

-- Projection "owners": whose each account is, and by which words of the name it is found. version is that of the last event of the
-- types that the projection is made of.
CREATE TABLE readmodel.owners (
    account_id uuid   NOT NULL CONSTRAINT owners_account PRIMARY KEY,
    version    bigint NOT NULL CHECK (version > 0),
    position   bigint NOT NULL CHECK (position > 0),
    owner_id   text COLLATE "C" NOT NULL,
    owner_name text   NOT NULL,
    words      text   NOT NULL -- the name in lower case, whatever the locale of the database
);

-- The accounts of an owner, and the owners in the order of the list.
CREATE INDEX owners_owner ON readmodel.owners (owner_id, account_id);

-- Words and beginnings of words.
CREATE INDEX owners_words ON readmodel.owners USING gin (to_tsvector('simple', words));

-- Rebuilds move the tables of a projection, so they are the projector's own.
ALTER TABLE readmodel.owners OWNER TO passbook_projector;
GRANT SELECT ON readmodel.owners TO passbook_query;
