-- Forget some of the denials before a time, the oldest first.
SELECT audit.forget_denials($1, $2)
