-- +goose Up

-- The head names the last event, too. A batch that is sent before the one in front of it is answered demands the head as that one
-- would leave it: the position alone might be reached by somebody else's events.
ALTER TABLE log_head ADD COLUMN event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
UPDATE log_head SET event_id = events.event_id FROM events WHERE events.position = log_head.position;
