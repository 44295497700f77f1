-- +goose Up

-- Approvals expire as holds do: a fact from their time on, which the process has recorded. They stand among the holds, by their own ids.
ALTER TABLE process.holds ADD COLUMN kind text NOT NULL DEFAULT 'hold' CHECK (kind IN ('hold', 'approval'));

-- What the process reads of approvals; appending any other event does not touch this index.
CREATE INDEX events_approvals ON public.events (position) WHERE type LIKE 'approval.%';
