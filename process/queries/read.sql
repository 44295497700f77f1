-- What happened to payments and holds after a position, and to approvals. The conditions are those of the indexes events_process and
-- events_approvals, word for word: each is read in the order of its index.
(SELECT position, stream_type, stream_id, version, type, schema, data, recorded_at
 FROM public.events
 WHERE position > $1 AND (type LIKE 'payment.%' OR type LIKE 'hold.%')
 ORDER BY position LIMIT $2)
UNION ALL
(SELECT position, stream_type, stream_id, version, type, schema, data, recorded_at
 FROM public.events
 WHERE position > $1 AND type LIKE 'approval.%'
 ORDER BY position LIMIT $2)
ORDER BY position LIMIT $2
