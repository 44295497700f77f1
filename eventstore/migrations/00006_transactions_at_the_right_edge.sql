-- +goose Up

-- Events without a transaction sort before all others now, no longer behind them: so transactions, whose ids ascend, are added at the right
-- edge indeed. Before, every one was searched for from the root, and pages before the edge split in the middle and stayed half full.
DROP INDEX events_transaction;
CREATE INDEX events_transaction ON events ((data ->> 'transaction_id') COLLATE "C" NULLS FIRST);
