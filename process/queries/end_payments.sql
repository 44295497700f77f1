-- Payments that have their outcome.
DELETE FROM process.payments WHERE payment_id = ANY ($1)
