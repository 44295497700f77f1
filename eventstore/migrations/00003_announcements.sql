-- +goose Up

-- What the holder of a lease tells those who may do the same as it: an address and a secret to reach it by. Unlike leases, which
-- readers may look at, this is for the one role.
CREATE TABLE lease_announcements (
    name  text   PRIMARY KEY,
    epoch bigint NOT NULL,
    note  bytea  NOT NULL CHECK (octet_length(note) <= 4096)
);
REVOKE ALL ON lease_announcements FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON lease_announcements TO passbook_command;
