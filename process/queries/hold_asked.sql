-- An account was asked to have its holds expire. If they still stand here at the time given, it is asked again.
UPDATE process.holds SET attempts = attempts + 1, last_error = $2, due_at = $3 WHERE hold_id = ANY ($1)
