-- Take the checkpoint over under a greater epoch: whoever led before can write no more.
UPDATE process.checkpoint SET epoch = $1 WHERE epoch <= $1 RETURNING position
