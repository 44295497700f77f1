-- +goose Up

-- Where a transaction stands, and where a hold was placed: commands name them by their ids alone. Both are made of what the payload
-- says, so they need no column and can be dropped and made again. Ids are UUIDv7, so entries are added at the right edge.
-- Text, not uuid: a payload that says something else must not keep an append from being written.
CREATE INDEX events_transaction ON events ((data ->> 'transaction_id') COLLATE "C");
CREATE INDEX events_hold ON events ((data ->> 'hold_id') COLLATE "C") WHERE type = 'hold.placed';
