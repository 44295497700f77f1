-- Record that an action begins.
INSERT INTO operations.actions (actor, login, command, arguments, reason) VALUES ($1, $2, $3, $4, $5) RETURNING id
