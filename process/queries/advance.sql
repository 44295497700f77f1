-- Move the checkpoint, if it is where it was left and nobody has taken it over.
UPDATE process.checkpoint SET position = $2 WHERE position = $1 AND epoch = $3
