-- The latest actions before an id, newest first.
SELECT a.id, a.began_at, a.actor, a.login, a.command, a.arguments, a.reason, o.ended_at, coalesce(o.outcome, 'unfinished'), coalesce(o.detail, '')
FROM operations.actions a LEFT JOIN operations.outcomes o ON o.action_id = a.id
WHERE a.id < $1 ORDER BY a.id DESC LIMIT $2
