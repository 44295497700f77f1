-- Record how an action ended.
INSERT INTO operations.outcomes (action_id, outcome, detail) VALUES ($1, $2, $3)
