-- +goose Up

-- What transfers, holds, reversals and limits add to the two projections. Null is what the row's event does not have, and costs a
-- bit; rows made by the version of the code before have it too, until the next generation is live.

ALTER TABLE readmodel.balances
    ADD COLUMN limits json; -- null where there are none

ALTER TABLE readmodel.timeline
    ADD COLUMN held_change     bigint, -- signed, as amount is of the balance; null where nothing was set aside or given back
    ADD COLUMN counterparty_id uuid,   -- the other account of a transfer, or of its reversal
    ADD COLUMN hold_id         uuid,
    ADD COLUMN reverses_id     uuid,   -- the transaction that a reversal undoes
    ADD COLUMN payment_id      uuid;

-- A transaction by its id: both sides of a transfer. The ids have the time in front, so that inserts append to the right edge.
CREATE INDEX timeline_transaction ON readmodel.timeline (transaction_id) WHERE transaction_id IS NOT NULL;

-- What was undone of a transaction.
CREATE INDEX timeline_reverses ON readmodel.timeline (reverses_id) WHERE reverses_id IS NOT NULL;
