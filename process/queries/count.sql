-- How much there is to do.
SELECT count(*), count(*) FILTER (WHERE stuck), count(*) FILTER (WHERE due_at <= $1), (SELECT count(*) FROM process.holds WHERE kind = 'hold')
FROM process.payments
