-- Holds that are no more.
DELETE FROM process.holds WHERE hold_id = ANY ($1)
